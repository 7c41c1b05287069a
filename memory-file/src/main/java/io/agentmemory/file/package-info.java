/** Memories as Markdown with YAML front matter, and JSON, in a folder. */
@NullMarked
package io.agentmemory.file;

import org.jspecify.annotations.NullMarked;
