/** Shared by the modules of this project; no API, may change in any release. */
@NullMarked
package io.agentmemory.internal;

import org.jspecify.annotations.NullMarked;
