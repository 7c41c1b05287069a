/** Programs that the README quotes. */
@NullMarked
package io.agentmemory.examples;

import org.jspecify.annotations.NullMarked;
