@NullMarked
package io.agentmemory.identity;

import org.jspecify.annotations.NullMarked;
