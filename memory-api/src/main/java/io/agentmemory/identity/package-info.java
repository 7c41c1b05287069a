/**
 * What an agent's records say about who it is: computed from records alone, whatever store they
 * came from, with the very values that Drift computes. Start with {@link
 * io.agentmemory.identity.CognitiveFingerprint}, {@link io.agentmemory.identity.TasteProfile} and
 * {@link io.agentmemory.identity.MerkleTree}.
 *
 * <p>Numbers keep their type (an integer stays one), because they are spelled in texts that are
 * hashed. Sums run in the order of what is passed in. Results stand in the original's form: {@code
 * tree()} has its names and its order.
 */
@NullMarked
package io.agentmemory.identity;

import org.jspecify.annotations.NullMarked;
