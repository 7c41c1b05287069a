/** The programs run, and the README quotes them to the letter. */
@NullMarked
package io.agentmemory.examples;

import org.jspecify.annotations.NullMarked;
