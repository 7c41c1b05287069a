/** Shared by the tests of the modules of this project; no API, may change in any release. */
@NullMarked
package io.agentmemory.internal.testkit;

import org.jspecify.annotations.NullMarked;
