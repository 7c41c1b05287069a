/** Tests of what is found in texts. */
@NullMarked
package io.agentmemory.detect;

import org.jspecify.annotations.NullMarked;
