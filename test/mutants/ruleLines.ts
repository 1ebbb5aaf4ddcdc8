import { edit, mutant, type Mutant } from "./Mutant.ts"

const decide = "src/decide/decide.ts"
const target = "src/decide/target.ts"
const deployer = "src/deployer/nomad/makeNomadDeployer.ts"
const editJob = "src/deployer/nomad/editJob.ts"
const attempts = "src/store/attempts.ts"
const listenTest = "test/reconcile/listen.test.ts"
const changesTest = "test/deployer/changes.test.ts"
const survey = "src/reconcile/survey.ts"
const decideTest = "test/decide/decide.test.ts"
const editTest = "test/deployer/edit.test.ts"
const loopTest = "test/reconcile/loop.test.ts"
const racesTest = "test/reconcile/races.test.ts"
const sendingTest = "test/reconcile/sending.test.ts"
const takeOverTest = "test/reconcile/takeOver.test.ts"
const attemptsTest = "test/store/attempts.test.ts"

/** Lines that guard a rule which no bug of the field touches, or another side of it; by the rule's name. */
export const ruleLines: ReadonlyArray<Mutant> = [
  mutant(
    "S1",
    "a job may have two open attempts",
    "S1",
    [attemptsTest, "S1: a job has one open attempt"],
    edit("migrations/0003_attempts.ts", "create unique index attempt_open", "create index attempt_open")
  ),
  mutant(
    "S1 state",
    "a state change that does not ask for the state before",
    "S1",
    [attemptsTest, " → "],
    edit(attempts, "and a.state in ('submitted', 'unknown')", "and a.state <> 'accepted'")
  ),
  mutant(
    "L7 conflict",
    "who keeps writing the job is met with an attempt at each write",
    "L7",
    [loopTest, "L7: who keeps writing the job"],
    edit(
      "src/reconcile/pass.ts",
      "return { retryIn: Duration.zero, isFault: true }",
      "return { retryIn: Duration.millis(250), isFault: false }"
    )
  ),
  mutant(
    "S4",
    "with check-and-set broken, an unknown outcome is sent again at once",
    "S4",
    [sendingTest, "S4: with a Nomad that takes both"],
    edit("src/reconcile/settle.ts", "if (left > 0) {", "if (left > Number.POSITIVE_INFINITY) {")
  ),
  mutant(
    "S5",
    "the tasks' own meta wiped, as the predecessor did",
    "S5",
    [editTest, "S5: the difference is a marker beside other meta"],
    edit(
      editJob,
      `[...at, "Meta", markerKey], () => attempt)`,
      `[...at, "Meta"], () => ({ [markerKey]: attempt }))`
    )
  ),
  mutant(
    "S5 appended",
    "the constraint of a Consul partition once more at every register",
    "S5",
    ["test/deployer/generated.test.ts", "S5: S21: S22: differ"],
    edit(
      "src/deployer/nomad/appendedConstraints.ts",
      `if (partition === "") return []`,
      `if (partition !== "?") return []`
    )
  ),
  mutant(
    "S5 tag",
    "the version tag on two versions",
    "S5",
    ["test/deployer/generated.test.ts", "S5: S21: S22: differ"],
    edit(
      editJob,
      "const { VersionTag: _dropped, ...rest } = edited as RawJob",
      "const { ...rest } = edited as RawJob"
    )
  ),
  mutant(
    "S5 source",
    "the job's HCL source lost, as the predecessor did",
    "S5",
    ["test/deployer/hcl.test.ts", "S5: "],
    edit(
      "src/deployer/nomad/rewriteSubmission.ts",
      `stored.Format === "hcl2" ? rewriteHcl(stored, images) : undefined`,
      `stored.Format === "" ? rewriteHcl(stored, images) : undefined`
    )
  ),
  mutant(
    "S6 conflict",
    "a conflict taken for an unknown outcome, as its status 500 says",
    "S6",
    ["test/deployer/register.test.ts", "S6"],
    edit("src/deployer/nomad/readRegistered.ts", `bare.includes("Enforcing job modify index")`, `bare === ""`)
  ),
  mutant(
    "S8",
    "an automatic move below the high-water mark",
    "S8",
    [decideTest, "S8"],
    edit(
      decide,
      `const floor = desired.pinnedTag === "" ? floorAbove(here, election.tag) : null`,
      "const floor = null"
    )
  ),
  mutant(
    "S9",
    "a suspect view taken for a good one",
    "S9",
    [decideTest, "7: S9"],
    edit(target, `here.desired.pinnedTag === "" ? (here.seen?.view ?? null) : null`, "null")
  ),
  mutant(
    "S10",
    "a manifest whose bytes are not those announced",
    "S10",
    ["test/registry/manifests.test.ts", "S10: refuses bytes that are not those announced"],
    edit(
      "src/registry/endpointClient.ts",
      "if (digestOf(answer.body, algorithm(digest)) !== digest) {",
      `if (algorithm(digest) === "") {`
    )
  ),
  mutant(
    "S11",
    "a failed digest not written into the quarantine",
    "S11",
    ["test/store/rollouts.test.ts", "S11"],
    edit("src/store/rollouts.ts", "from ended where ${isBad(outcome)}", "from ended where ${!isBad(outcome)}")
  ),
  mutant(
    "S12",
    "one more fight with another writer",
    "S12",
    [decideTest, "15: S12"],
    edit(decide, "if (history.foreignWritesLastHour > 2) {", "if (history.foreignWritesLastHour > 3) {")
  ),
  mutant(
    "S12 counted",
    "one write of somebody else counted again after a register that was lost",
    "S12",
    [racesTest, "S12: one write of somebody else counts once"],
    edit("src/store/history.ts", "and last.after ->> 'images' = ${images})", "and last.after is null)"),
    edit(
      "src/reconcile/countForeign.ts",
      "if (watching.countedImages === images) return situation",
      'if (images === "") return situation'
    )
  ),
  mutant(
    "S12 moment",
    "desired state and history read one after the other",
    "S12",
    [racesTest, "S12: Nomad's rollback is nobody's write, though a pass reads while it is written down"],
    edit(
      survey,
      "const { desired, history } = yield* store.remembered(",
      "const desired = yield* store.desired(name)\n  const { history } = yield* store.remembered("
    )
  ),
  mutant(
    "S13 submit",
    "submitted without permission: auto_deploy is off",
    "S13",
    [attemptsTest, "S13: after auto_deploy = false no automatic attempt is submitted"],
    edit(
      attempts,
      "and r.generation = a.generation and (r.auto_deploy or ${answers})",
      "and r.generation = a.generation"
    )
  ),
  mutant(
    "S13",
    "decided although auto_deploy is off",
    "S13",
    [decideTest, "S13"],
    edit(decide, "if (!desired.autoDeploy)\n", "if (desired.generation < 0)\n")
  ),
  mutant(
    "S14",
    "a person's change lost to a pass that reads just then",
    "S14",
    [racesTest, "S14: a person's change is not lost to a pass that is reading just then"],
    edit("src/reconcile/Watching.ts", "    this.age += 1\n", "")
  ),
  mutant(
    "S15 submit",
    "submitted although desired state changed since",
    "S15",
    [attemptsTest, "S15: submit refuses once the generation is another"],
    edit(attempts, "and r.generation = a.generation and (r.auto_deploy", "and (r.auto_deploy")
  ),
  mutant(
    "S15",
    "registered without a proof of the lease",
    "S15",
    [sendingTest, "S15: a lease that cannot be proven any more sends nothing"],
    edit(
      "src/reconcile/deploy.ts",
      "yield* leader.guard(deployer.register(edit))",
      "yield* deployer.register(edit)"
    )
  ),
  mutant(
    "S16",
    "a rollout under way not seen",
    "S16",
    [decideTest, "6: S16: follows a rollout that has the target"],
    edit(target, "if (isRolling(observed)) {", "if (observed.version < 0) {")
  ),
  mutant(
    "S17",
    "what the first view had already taken for a push",
    "S17",
    ["test/store/brake.test.ts", "S17: none explains what was in it"],
    edit(
      "src/store/brake.ts",
      "then t.first_seen end) > v.first_listed_at",
      "then t.first_seen end) is not null"
    )
  ),
  mutant(
    "S17 all",
    "moves that no push explains go one by one, until there are many",
    "S17",
    ["test/reconcile/brake.test.ts", "S17: three that are answered first wait for the others"],
    edit(
      "src/decide/brake.ts",
      "areMany(moves + undecided, watched, limit)",
      "areMany(moves, watched, limit)"
    )
  ),
  mutant(
    "S17 back",
    "a registry that is back is looked at by nobody but who asked it in vain",
    "S17",
    [
      "test/reconcile/brake.test.ts",
      "S17: nor does a registry that comes back where somebody else is answered first"
    ],
    edit(
      "src/reconcile/poll.ts",
      "if (isBack || watching.fault !== null) yield",
      "if (watching.fault !== null) yield"
    )
  ),
  mutant(
    "S18",
    "the service started with half a configuration",
    "S18",
    ["test/cli/run.test.ts", "S18: never reaches the service with a configuration that is wrong"],
    edit(
      "src/config/loadConfig.ts",
      "brake.all === undefined || findings.problems.length > 0",
      "brake.all === undefined"
    )
  ),
  mutant(
    "S18 removed",
    "a repository that is watched no more is followed on",
    "S18",
    [takeOverTest, "S18: the rollout of a repository that is watched in another job now"],
    edit(
      "src/reconcile/takeOver.ts",
      `if (attempt.state === "accepted" && jobOf.get(attempt.repository) !== job)`,
      `if (attempt.baseIndex < 0)`
    ),
    edit("src/reconcile/takeOver.ts", "else orphans.push(attempt)", "else busy.add(job)")
  ),
  mutant(
    "S19",
    "what ends by time ended by our own clock",
    "S19",
    [loopTest, "S19: what ends by time ends by Postgres's clock"],
    edit(
      survey,
      "const now = new Date(history.readAt.getTime() + (yield* monotonic) - known.at)",
      "const now = new Date(yield* monotonic)"
    )
  ),
  mutant(
    "S20",
    "an unknown marker taken for ours",
    "S20",
    [decideTest, "4: S20"],
    edit(
      decide,
      `if (unknown !== undefined && request?._tag !== "Deploy") {`,
      `if (unknown?.marker === null) {`
    )
  ),
  mutant(
    "S21",
    "a stopped job started again",
    "S21",
    [loopTest, "S21: a stopped job is not started"],
    edit(deployer, "if (job.Stop) return", "if (job.Version < 0) return")
  ),
  mutant(
    "S21 multiregion",
    "a job of several regions written in one",
    "S21",
    ["test/deployer/generated.test.ts", "S5: S21: S22: differ"],
    edit(deployer, "if (isSet(job.Multiregion))", "if (job.Version < 0)")
  ),
  mutant(
    "S22",
    "a task that is missing passed over",
    "S22",
    ["test/deployer/observe.test.ts", "S22: one of two missing"],
    edit("src/deployer/nomad/findTasks.ts", "  if (missing !== undefined)\n", `  if (missing === "")\n`)
  ),
  mutant(
    "S22 shared",
    "two repositories on one task",
    "S22",
    ["test/config/sharedTasks.test.ts", "S22: "],
    edit("src/config/sharedTasks.ts", "both.length === 0 ? undefined", "both.length >= 0 ? undefined")
  ),
  mutant(
    "S23",
    "an image split at its first colon",
    "S23",
    ["test/domain/ImageReference.test.ts", "S23: "],
    edit(
      "src/domain/ImageReference.ts",
      `named.indexOf(":", named.lastIndexOf("/") + 1)`,
      `named.indexOf(":")`
    )
  ),
  mutant(
    "S24",
    "a read of a server that fell behind believed",
    "S24",
    [racesTest, "S24: nothing is decided on an old read, of a server that fell behind"],
    edit(
      "src/deployer/nomad/makeRefuseStale.ts",
      "const isStale = lowSince !== undefined &&",
      "const isStale = lowSince === 0n &&"
    )
  ),
  mutant(
    "S24 leader",
    "a read without a leader believed",
    "S24",
    [racesTest, "S24: nothing is decided on an old read, of a server that knows no leader"],
    edit(
      "src/deployer/nomad/makeRead.ts",
      `answer.headers.get("x-nomad-knownleader") === "false"`,
      `answer.headers.get("x-nomad-knownleader") === ""`
    )
  ),
  mutant(
    "S4 intact",
    "with the lock lost, a late register written over its successor",
    "S4",
    [sendingTest, "S4: S2: with check-and-set intact"],
    edit(deployer, "EnforceIndex: true,", "EnforceIndex: false,")
  ),
  mutant(
    "X22 stream",
    "the event stream tells a token of repositories that it does not name",
    "X22",
    ["test/server/events.test.ts", "X22: tells a token for some repositories"],
    edit("src/server/Feed.ts", "if (isNew(at) && sees(own, name)) parts", "if (isNew(at)) parts")
  ),
  mutant(
    "L8 stream",
    "listeners without end",
    "L8",
    ["test/server/events.test.ts", "L8: no more listen at once"],
    edit("src/server/Feed.ts", "count >= limits.atOnce || already >= limits.ofOne", "count < 0")
  ),
  mutant(
    "L3 stream",
    "what was lost while Nomad's stream was cut is not listed",
    "L3",
    [listenTest, "L3: what was lost is listed: Open"],
    edit("src/reconcile/Scope.ts", "this.#stale.openUnsafe()", "void this.#stale")
  ),
  mutant(
    "L3 silence",
    "a stream whose token was deleted is waited for without end",
    "L3",
    [changesTest, "L3: a stream that falls silent"],
    edit(
      "src/deployer/nomad/makeChanges.ts",
      "untilNext = Duration.seconds(35)",
      "untilNext = Duration.hours(35)"
    )
  ),
  mutant(
    "L8 hints",
    "a pass for each event of a storm",
    "L8",
    [listenTest, "L8: a storm of events of one job"],
    edit("src/reconcile/JobWatch.ts", "hintsApart = Duration.millis(500)", "hintsApart = Duration.millis(5)")
  ),
  mutant(
    "X13 line",
    "a line of the event stream of any length is kept",
    "X13",
    [changesTest, "X13: a line beyond 8 MiB"],
    edit("src/deployer/nomad/makeChanges.ts", "8 * 1024 * 1024", "8 * 1024 * 1024 * 1024")
  ),
  mutant(
    "S17 hints",
    "the first of many jobs that Nomad tells of moves before the others are looked at",
    "S17",
    ["test/reconcile/brake.test.ts", "S17: what Nomad tells of many jobs at once"],
    edit(
      "src/reconcile/JobWatch.ts",
      "yield* brake.expect(this.repositories.map(({ watched }) => watched.name))",
      "yield* Effect.void"
    )
  ),
  mutant(
    "L8 read",
    "a pass for what was read already",
    "L8",
    [listenTest, "L8: what tells of a change that was read already"],
    edit("src/reconcile/JobWatch.ts", "if (isNews) this.#hints", "this.#hints")
  )
]
