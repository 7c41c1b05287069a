@NullMarked
package io.agentmemory.command;

import org.jspecify.annotations.NullMarked;
