/** The operator's commands, behind <code>bin/memory</code>. */
@NullMarked
package io.agentmemory.cli;

import org.jspecify.annotations.NullMarked;
