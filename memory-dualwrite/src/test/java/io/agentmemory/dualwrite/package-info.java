@NullMarked
package io.agentmemory.dualwrite;

import org.jspecify.annotations.NullMarked;
