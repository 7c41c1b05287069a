@NullMarked
package io.agentmemory.internal.testkit;

import org.jspecify.annotations.NullMarked;
