@NullMarked
package io.agentmemory.testkit;

import org.jspecify.annotations.NullMarked;
