import { edit, mutant, type Mutant } from "./Mutant.ts"

const decide = "src/decide/decide.ts"
const decideRequest = "src/decide/decideRequest.ts"
const target = "src/decide/target.ts"
const rollouts = "src/store/rollouts.ts"
const pass = "src/reconcile/pass.ts"
const follow = "src/reconcile/follow.ts"
const countForeign = "src/reconcile/countForeign.ts"
const decideTest = "test/decide/decide.test.ts"
const driftTest = "test/reconcile/drift.test.ts"
const failureTest = "test/reconcile/failure.test.ts"
const rolloutsTest = "test/store/rollouts.test.ts"
const severalTest = "test/reconcile/severalTasks.test.ts"
const settlingTest = "test/reconcile/settling.test.ts"

/** What is remembered of failures, of somebody else's writes, and of attempts whose holder died. */
export const memoryLines: ReadonlyArray<Mutant> = [
  mutant(
    "S11 retries",
    "a fourth automatic retry",
    "S11",
    [rolloutsTest, "S11: surroundings: 15 minutes"],
    edit(rollouts, "q.failures between 1 and ${retries - 1}", "q.failures between 1 and ${retries}")
  ),
  mutant(
    "S11 success",
    "failures remembered after a success",
    "S11",
    [failureTest, "S11: a success forgets the failures"],
    edit(
      rollouts,
      `where \${outcome === "succeeded"} and q.repository`,
      `where \${outcome === "failed"} and q.repository`
    )
  ),
  mutant(
    "S11 others",
    "quarantined for another repository's failure",
    "S11",
    [failureTest, "S11: of two repositories in one job"],
    edit(rollouts, "and b.blame <> 'others' and", "and b.blame = 'others' and")
  ),
  mutant(
    "S11 timer",
    "nothing wakes the job when a quarantine ends",
    "S11",
    [failureTest, "S11: what its surroundings failed is tried again"],
    edit(pass, "isFault || turn === null ? null", "isFault || turn !== null ? null")
  ),
  mutant(
    "S11 rule 10",
    "what failed and stands is never tried again",
    "S11",
    [failureTest, "S11: rule 10"],
    edit(target, "(!isStanding(kept, now) || (", "(false || (")
  ),
  mutant(
    "S11 mended",
    "a mended image under the failed tag not looked at",
    "S11",
    [failureTest, "S11: rule 10"],
    edit(
      "src/decide/elect.ts",
      "quarantinedTags(seen.view, null, history",
      "quarantinedTags(seen.view, runs, history"
    )
  ),
  mutant(
    "S11 forget",
    "an end written before what was read is forgotten",
    "S11",
    [failureTest, "S11: what was read before an end"],
    edit(follow, "      forget(attempt)\n      if (yield*", "      if (yield*"),
    edit(follow, "ended.push(attempt)\n", "ended.push(attempt)\n      forget(attempt)\n")
  ),
  mutant(
    "S8 mark",
    "the high-water mark lowered by a success",
    "S8",
    [failureTest, "S8: a success below the mark"],
    edit(follow, "over === null || isHigher(toTag, over) ||", "over !== toTag ||")
  ),
  mutant(
    "T16 request",
    "the request of a swallowed attempt lost",
    "T16",
    [failureTest, "T16: what a rollback swallowed"],
    edit(rollouts, "(${swallowed} or exists", "(${!swallowed} and exists")
  ),
  mutant(
    "S12 rollback",
    "the first task's version taken for what Nomad rolled back to",
    "S12",
    [failureTest, "S12: Nomad's rollback to tasks of two versions"],
    edit(
      follow,
      "highestTask({ tasks: [first, ...rest] })",
      "rest.length < 0 ? highestTask({ tasks: [first] }) : first"
    )
  ),
  mutant(
    "S12 seen",
    "one of several tasks set back, and the highest still what was seen",
    "S12",
    [severalTest, "S12: S20: also before our first deploy"],
    edit(
      "src/decide/observedImage.ts",
      " || desired.baselineAllAt?.getTime() === desired.baselineAt?.getTime()",
      ""
    )
  ),
  mutant(
    "S12 differ",
    "tasks that differ at first sight held against the highest",
    "S22",
    [severalTest, "S20: S22: of tasks that run different tags"],
    edit("src/reconcile/survey.ts", "isImageOfAll(image, runs, desired, history)", "true")
  ),
  mutant(
    "S12 rolled back",
    "nothing known of the other tasks after Nomad's rollback",
    "S12",
    [severalTest, "S12: also after Nomad's own rollback"],
    edit(rollouts, "rebases and ${baseline?.ofAll === true}", "rebases and ${baseline === null}")
  ),
  mutant(
    "S12 in sync",
    "tasks that came to run one image never held against it",
    "S12",
    [severalTest, "S12: also where the release before saw them first"],
    edit(pass, "isLearnt || isOfAllNow ||", "isLearnt ||")
  ),
  mutant(
    "S12 late",
    "the pass that sees a write decides without it",
    "S12",
    [driftTest, "S12: rule 15: a pipeline"],
    edit(countForeign, "history.foreignWritesLastHour + 1", "history.foreignWritesLastHour + 0")
  ),
  mutant(
    "S12 person",
    "contested for an hour, whatever a person orders",
    "S12",
    [driftTest, "S12: rule 15: a person ends it as well"],
    edit("src/store/history.ts", "a.request_kind is not null and a.accepted_at is not null", "false")
  ),
  mutant(
    "S12 leader",
    "somebody's write counted anew by each leader",
    "S12",
    [driftTest, "S12: the count survives every leader"],
    edit("src/store/history.ts", "where last.at >= r.baseline_at and", "where last.at < r.baseline_at and")
  ),
  mutant(
    "S12 forward",
    "who brings what is wanted taken for a fighter",
    "S12",
    [driftTest, "S12: who brings what is wanted"],
    edit(
      countForeign,
      "foreign === null || isForward(foreign, desired) || isAtTarget(situation)",
      "foreign === null"
    )
  ),
  mutant(
    "L2 refused",
    "a row for each try of what Nomad does not take",
    "L2",
    [settlingTest, "L2: S7: waiting adds no row"],
    edit("src/reconcile/deploy.ts", "open.baseIndex === runs.jobModifyIndex", "open.baseIndex < 0")
  ),
  mutant(
    "S3 refused",
    "what Nomad did not take sent again over somebody's write",
    "S3",
    [settlingTest, "S3: somebody's write"],
    edit("src/reconcile/deploy.ts", "open.baseIndex === runs.jobModifyIndex", "open.baseIndex > 0")
  ),
  mutant(
    "S6 given up",
    "an outcome that nobody can tell given up by its own request",
    "S6",
    [settlingTest, "S2: S6: the request that the lost attempt answers"],
    edit(pass, "requestedGeneration > attempt.generation", "requestedGeneration >= attempt.generation")
  ),
  mutant(
    "S18 orphan",
    "an attempt on a job that nobody watches never settled",
    "S18",
    [settlingTest, "S18: an attempt on a job that nobody watches"],
    edit("src/reconcile/Reconciler.ts", "...orphans.map(", "...orphans.slice(0, 0).map(")
  ),
  mutant(
    "S18 name",
    "followed on because another repository shares its job",
    "S18",
    [settlingTest, "S18: a repository that is watched no more"],
    edit("src/reconcile/takeOver.ts", "jobOf.get(attempt.repository) !== job", "!jobs.has(job)")
  ),
  mutant(
    "S20 left",
    "the baseline taken from the job that the repository left",
    "S20",
    [settlingTest, "S20: the job that a repository left"],
    edit("src/store/attempts.ts", "and coalesce(r.mapped_to::jsonb =", "or coalesce(r.mapped_to::jsonb =")
  ),
  mutant(
    "16 digest",
    "another digest of the refused tag not tried",
    "16",
    [decideTest, "16: tries another digest"],
    edit(decide, "(target.digest === null || rejected.toDigest === target.digest)", "true")
  ),
  mutant(
    "5 repository",
    "a request answered by another repository's rollout",
    "5",
    [decideTest, "5: another repository's rollout"],
    edit(decideRequest, "      attempt.repository === repository &&\n", "")
  ),
  mutant(
    "5 digest",
    "a request answered by a rollout of another digest",
    "5",
    [decideTest, "5: nor does ours of another digest"],
    edit(decideRequest, "(target.digest === null || attempt.toDigest === target.digest)", "true")
  ),
  mutant(
    "10 version",
    "somebody's version taken for our failed one",
    "10",
    [decideTest, "10: a version of somebody else's"],
    edit(target, " && history.lastAccepted.nomadVersion === version", "")
  )
]
