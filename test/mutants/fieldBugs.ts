import { edit, mutant, type Mutant } from "./Mutant.ts"

const decide = "src/decide/decide.ts"
const deployer = "src/deployer/nomad/makeNomadDeployer.ts"
const editJob = "src/deployer/nomad/editJob.ts"
const survey = "src/reconcile/survey.ts"
const editTest = "test/deployer/edit.test.ts"
const loopTest = "test/reconcile/loop.test.ts"
const manifestsTest = "test/reconcile/manifests.test.ts"
const racesTest = "test/reconcile/races.test.ts"
const sendingTest = "test/reconcile/sending.test.ts"
const takeOverTest = "test/reconcile/takeOver.test.ts"
const attemptsTest = "test/store/attempts.test.ts"
const tagsTest = "test/registry/tags.test.ts"

/**
 * The bugs of `invariants.md` §6, by their numbers. Not here yet, with the part that it would break:
 * 24 (webhooks).
 */
export const fieldBugs: ReadonlyArray<Mutant> = [
  mutant(
    "1",
    "no check-and-set",
    "S3",
    [editTest, "S3: one register, with check-and-set on the index read"],
    edit(deployer, "EnforceIndex: true,", "EnforceIndex: false,")
  ),
  mutant(
    "2",
    "a conflict retried with a fresher index and the old body",
    "S3",
    [loopTest, "S3: somebody else's write between read and register is a conflict"],
    edit(
      deployer,
      "      return readRegistered(answer, { namespace: query.namespace, baseIndex })",
      `      const told = readRegistered(answer, { namespace: query.namespace, baseIndex })
      const now = told._tag === "Conflict" ? yield* Effect.option(reads.job(ref)) : Option.none()
      const found = Option.flatten(now)
      if (Option.isNone(found)) return told
      const { JobModifyIndex } = found.value.view
      const fresher = JSON.stringify({ ...JSON.parse(Redacted.value(body)), JobModifyIndex })
      const again = http({ method: "POST", path: "/v1/jobs", query, body: Redacted.make(fresher) })
      return readRegistered(yield* Effect.catch(again, Effect.succeed), { namespace: query.namespace, baseIndex })`
    )
  ),
  mutant(
    "3",
    "the attempt's row written after the register",
    "S7",
    [sendingTest, "S7: the attempt is committed as submitted before the first byte"],
    edit(
      "src/reconcile/deploy.ts",
      "    const isIntended = again !== null ||",
      "    const registered = yield* leader.guard(deployer.register(edit))\n    const isIntended = again !== null ||"
    ),
    edit(
      "src/reconcile/deploy.ts",
      "    const registered = yield* leader.guard(deployer.register(edit))\n    yield* record",
      "    yield* record"
    )
  ),
  mutant(
    "4",
    "no epoch on attempt writes",
    "S1",
    [attemptsTest, "not with the fence of a holder before"],
    edit(
      "src/store/fence.ts",
      "where epoch = ${epoch} and holder = ${holder}::uuid for share",
      "where ${epoch} >= 0 and ${holder}::uuid is not null for share"
    )
  ),
  mutant(
    "5",
    "no self-fence after a pause",
    "S15",
    ["test/store/leader.test.ts", "S15: S19: after a pause the lease is proven no more"],
    edit(
      "src/store/lease.ts",
      "return silent < Duration.toMillis(ttl) - Duration.toMillis(margin)",
      "return silent < Number.POSITIVE_INFINITY"
    )
  ),
  mutant(
    "6",
    "the marker missing",
    "S6",
    [loopTest, "S6: a register whose answer is lost is found by its marker"],
    edit(editJob, `    edited = changeAt(edited, [...at, "Meta", markerKey], () => attempt)\n`, "")
  ),
  mutant(
    "7",
    "settling looks only at the newest job version",
    "S6",
    ["test/deployer/settle.test.ts", "S6: found below a newer one"],
    edit(
      "src/deployer/nomad/settleByMarker.ts",
      "const ours = above.find(",
      "const ours = above.slice(-1).find("
    )
  ),
  mutant(
    "8",
    "an unknown outcome sent again at once",
    "S6",
    [loopTest, "S6: a register that never arrived is not sent again while it could still arrive"],
    edit("src/reconcile/settle.ts", "if (left > 0) {", "if (left > Number.POSITIVE_INFINITY) {")
  ),
  mutant(
    "9",
    "the baseline kept only in memory",
    "S20",
    [takeOverTest, "S20: what somebody changed while nobody led is their change, not first sight"],
    edit(
      survey,
      "/** First sight stores what runs",
      "const seen = new WeakMap<Watching, Partial<Desired>>()\n/** First sight stores what runs"
    ),
    edit(
      survey,
      "  if (desired.baselineAt !== null) return desired\n",
      `  desired = { ...desired, ...seen.get(watching) }
  if (desired.baselineAt !== null) return desired
`
    ),
    edit(
      "src/reconcile/pass.ts",
      "yield* store.setBaseline(fence, watching.watched.name, { ...image, ofAll, raiseTo: null })",
      "yield* Effect.logDebug(image, ofAll)"
    ),
    edit(
      survey,
      "yield* store.setBaseline(fence, name, { ...image, ofAll, raiseTo })",
      "seen.set(watching, { baselineTag: task.tag, baselineDigest: digest, baselineAt: new Date(0), baselineAllAt: ofAll ? new Date(0) : null, highWaterMark: raiseTo })"
    )
  ),
  mutant(
    "10",
    "the last page of tags ignored",
    "S9",
    [tagsTest, "S9: brings every page of a registry that pages"],
    edit(
      "src/registry/endpointClient.ts",
      "return Array.from(found)",
      "return Array.from(found).filter((tag) => asked.size === 1 || !page.tags.includes(tag))"
    )
  ),
  mutant(
    "11",
    "the page limit taken for the end",
    "S9",
    [tagsTest, "S9: goes on by the last tag where a registry pages without a link"],
    edit("src/registry/endpointClient.ts", "page.listed === pageSize", "page.listed > pageSize")
  ),
  mutant(
    "12",
    "an empty list or 404 believed",
    "S9",
    ["test/decide/suspicion.test.ts", "S9: "],
    edit(
      "src/decide/suspicion.ts",
      `if (listed === null) return "not_found"`,
      "if (listed === null) return null"
    ),
    edit(
      "src/decide/suspicion.ts",
      `if (listed.length === 0) return "empty"`,
      "if (listed.length === 0) return null"
    )
  ),
  mutant(
    "13",
    "a partial list believed: a downgrade",
    "S8",
    [loopTest, "S8: S9: no listing, however wrong, goes back"],
    edit(
      "src/decide/suspicion.ts",
      "if (running.some((tag) => lost.includes(tag)))",
      "if (running.length < 0)"
    ),
    edit(
      decide,
      `const floor = desired.pinnedTag === "" ? floorAbove(here, election.tag) : null`,
      "const floor = null"
    )
  ),
  mutant(
    "14",
    "quarantine off: deployed again after the auto-revert",
    "S11",
    [loopTest, "S11: what Nomad reverts is not tried again"],
    edit(
      "src/decide/elect.ts",
      "if (kept.size === 0) return new Set()",
      "if (kept.size >= 0) return new Set()"
    )
  ),
  mutant(
    "15",
    "the marker changed on every pass: a redeploy loop",
    "S2",
    [loopTest, "S2: S7: a push is one attempt, one register, by digest; and then quiet"],
    edit(decide, "const settled = hasTarget(here, election) ?", "const settled = observed.version < 0 ?")
  ),
  mutant(
    "16",
    "Retry-After ignored",
    "L7",
    [loopTest, "L7: Retry-After is honoured"],
    edit(
      "src/registry/retryAfter.ts",
      "return asked === null || !(asked >= 1) ? null : Math.min(Math.ceil(asked), longestMs)",
      "return asked === null ? asked : null"
    )
  ),
  mutant(
    "17",
    "changes during auto_deploy = false forgotten",
    "S13",
    [loopTest, "S13: what is pushed while auto_deploy is off waits, and is deployed once it is on"],
    edit(
      "src/reconcile/poll.ts",
      "  yield* asked.pipe(\n",
      `  yield* asked.pipe(
    Effect.tap(() =>
      Effect.sync(() => {
        const running = runs?.tasks.map(({ tag }) => tag) ?? []
        const passed = desired.autoDeploy ? [] : (watching.view?.tags ?? [])
        for (const tag of passed) if (!running.includes(tag)) watching.notImages.set(tag, Infinity)
      })
    ),
`
    )
  ),
  mutant(
    "18",
    "a notification saved as sent before it was",
    "L12",
    ["test/notifier/tell.test.ts", "L12: what dies between sending and recording sends once more"],
    edit(
      "src/reconcile/tell.ts",
      "restore(leader.guard(notifier.send(message))).pipe(",
      "outbox.sent(ids).pipe(Effect.andThen(restore(leader.guard(notifier.send(message)))),"
    )
  ),
  mutant(
    "19",
    "two repositories of one job decided side by side",
    "S16",
    [racesTest, "S16: two repositories of one job are passed over one after another"],
    edit(
      "src/reconcile/Reconciler.ts",
      "Map.groupBy(watchings, ({ watched }) => jobKey(watched.mapping.job))",
      "Map.groupBy(watchings, ({ watched }) => watched.name as string)"
    )
  ),
  mutant(
    "20",
    "the digest taken from the listing, not from the manifest",
    "S10",
    [manifestsTest, "S10: a tag that moves between look and manifest is deployed as the manifest is"],
    edit(
      "src/reconcile/fetchManifest.ts",
      "learn(watching, tag, answer.digest)",
      "learn(watching, tag, decision.digest ?? answer.digest)"
    ),
    edit(
      "src/decide/manifest.ts",
      `return { _tag: "Digest", digest: answer.digest }`,
      `return { _tag: "Digest", digest: decision.digest ?? answer.digest }`
    )
  ),
  mutant(
    "21",
    "the wall clock in the lease",
    "S19",
    ["test/store/leader.test.ts", "S15: S19: after a pause the lease is proven no more"],
    edit(
      "src/store/lease.ts",
      "Math.max(now.monotonic - proof.monotonic, now.wall - proof.wall)",
      "now.wall - proof.wall"
    )
  ),
  mutant(
    "22",
    "lexical order for versions",
    "S16",
    [loopTest, "S16: of several pushes within an interval only the last is deployed"],
    edit(
      "src/decide/version.ts",
      "a.major - b.major || a.minor - b.minor || a.patch - b.patch",
      "(a.tag < b.tag ? -1 : a.tag > b.tag ? 1 : 0)"
    )
  ),
  mutant(
    "23",
    "counts of the stored job overwritten",
    "S3",
    [editTest, "S3: one register, with check-and-set on the index read, and counts preserved"],
    edit(deployer, "PreserveCounts: true,", "PreserveCounts: false,")
  )
]
