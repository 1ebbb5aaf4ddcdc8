import { edit, mutant, type Mutant } from "./Mutant.ts"

const http = "src/deployer/nomad/NomadHttp.ts"
const foreseenTest = "test/foresee/brake.test.ts"
const foresightTest = "test/foresee/Foresight.test.ts"
const pass = "src/reconcile/pass.ts"
const followingTest = "test/reconcile/following.test.ts"

/** Many rollouts at once, and namespaces that do not answer. */
export const scaleLines: ReadonlyArray<Mutant> = [
  mutant(
    "L6 turns",
    "calls of one namespace that hang take every connection to Nomad",
    "L6",
    ["test/deployer/connections.test.ts", "L6: two namespaces whose calls hang"],
    edit(http, "const readsOfOne = 8", "const readsOfOne = 32")
  ),
  mutant(
    "S6 turns",
    "a register that was never sent is settled as one that may have been",
    "S6",
    ["test/deployer/register.test.ts", "S6: one that gets no turn"],
    edit(http, "reached: false, words: noTurn(within)", "reached: true, words: noTurn(within)")
  ),
  mutant(
    "L6 followed",
    "rollouts of all namespaces are looked at together, and wait for the slowest",
    "L6",
    [followingTest, "L6: while calls of one namespace hang"],
    edit(
      "src/reconcile/Scope.ts",
      "readonly follower = new Follower()",
      "readonly follower: Follower = (Reflect.get(Scope, 'one') ?? (Reflect.set(Scope, 'one', new Follower()), Reflect.get(Scope, 'one')))"
    )
  ),
  mutant(
    "L8 followed",
    "each job that rolls out is read in full each interval",
    "L8",
    [followingTest, "L8: while rollouts of ours go on"],
    edit(pass, `decision._tag === "Follow" && !isTold`, `decision._tag === "Follow"`)
  ),
  mutant(
    "S16 paused",
    "a rollout that was paused is taken for paused after it went on",
    "S16",
    [followingTest, "S16: of a rollout that is paused"],
    edit(pass, `observed.deployment?.status === "running"`, `observed.deployment !== null`)
  ),
  mutant(
    "S17 plan",
    "the brake is foretold by those alone that are asked about",
    "S17",
    [foreseenTest, "S17: of one, the brake is foretold"],
    edit("src/foresee/weighAmongAll.ts", "counts.moves += recalled.moves", "counts.moves += 0")
  ),
  mutant(
    "L7 plan",
    "a plan asks past a registry's back-off",
    "L7",
    [foresightTest, "L7: a registry that did not answer"],
    edit("src/foresee/paced.ts", "pace.failed(host, reason.retryAfter)", "pace.answered(host)")
  ),
  mutant(
    "L8 plan",
    "as many plans at once as are asked for",
    "L8",
    [foresightTest, "L8: whoever asks for all of them at once"],
    edit("src/foresee/Foresight.ts", "const ofOneRegistry = 4", "const ofOneRegistry = 400")
  )
]
