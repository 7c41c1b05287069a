/**
 * What a text tells without being asked: whom and what it is about, when it happened, on which
 * platform. Pure functions over word lists that are parameters; no store is known here. Start with
 * {@link io.agentmemory.detect.Detection}.
 */
@NullMarked
package io.agentmemory.detect;

import org.jspecify.annotations.NullMarked;
