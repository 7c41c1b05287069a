@NullMarked
package io.agentmemory.file;

import org.jspecify.annotations.NullMarked;
