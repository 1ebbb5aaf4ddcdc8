import { Schema } from "effect"

/**
 * Whose fault a failed or reverted attempt is (S11), as far as Nomad's answers tell. `image`: its own mapped tasks
 * failed or never got healthy. `surroundings`: they could not be tried: a pull that failed otherwise than "no such
 * manifest", no node with room. `others`: its own tasks were fine, another task of the job failed. `unknown`: the
 * allocations that could tell are gone, or were not given.
 */
export const Blame = Schema.Literals(["image", "surroundings", "others", "unknown"])
export type Blame = typeof Blame.Type
