@NullMarked
package io.agentmemory.internal;

import org.jspecify.annotations.NullMarked;
