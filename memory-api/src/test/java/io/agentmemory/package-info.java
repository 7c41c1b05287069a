@NullMarked
package io.agentmemory;

import org.jspecify.annotations.NullMarked;
