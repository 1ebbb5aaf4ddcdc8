import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import { decide } from "../../src/decide/decide.ts"
import { nextTurn } from "../../src/decide/nextTurn.ts"
import { decideSteering } from "../../src/decide/promotion.ts"
import type { Situation } from "../../src/decide/Situation.ts"
import type { Attempt } from "../../src/domain/Attempt.ts"
import type { Canaries } from "../../src/domain/Canaries.ts"
import {
  attempt,
  deployment,
  desired,
  digest,
  history,
  hold,
  marker,
  minutesAgo,
  newVersion,
  noon,
  requested,
  runs,
  seen,
  situation,
  tag,
  task,
  watched
} from "./situations.ts"

const canaries = (change: Partial<Canaries> = {}): Canaries => ({
  deployment: "d1",
  healthy: 2,
  desired: 2,
  ended: 0,
  run: "a 0",
  isOwn: true,
  ...change
})
/** Of v1.1.0, whose canaries have been healthy for a minute, as long as they are to be. */
const awaiting = (change: Partial<Attempt> = {}): Attempt =>
  attempt({
    state: "accepted",
    phase: "awaiting_promotion",
    canaries: canaries(),
    canariesSince: minutesAgo(1),
    ...change
  })
const healthy = { ...watched, canary: "healthy" as const }
const rollout = (change: Partial<Attempt> = {}, rest: Partial<Situation> = {}): Situation =>
  situation({
    watched: healthy,
    observed: runs(task("v1.1.0", "b"), { deployment: deployment("running") }),
    history: history({ rolling: [awaiting(change)] }),
    ...rest
  })
const failed = { ordered: "fail", orderedBy: "ann", orderedDeployment: "d1" } as const
const promoted = { ordered: "promote", orderedBy: "ann", orderedDeployment: "d1" } as const
const refused = (order: "promote" | "fail", words: string) =>
  ({ order, by: "ann", why: null, deployment: "d1", words }) as const
const other = attempt({ id: marker(2), state: "accepted", phase: "rolling", repository: "other" as never })
const person = `a person promotes or fails attempt ${marker(1)}`
const since = "since 2026-01-01T11:59:00Z"

/** What is done and what is said: `promote by ann: words`, `-` where nothing is done, `!` where a person is needed. */
const told = (of: Situation): string => {
  const steering = decideSteering(of)
  const done = steering === null ? "-" : `${steering.order} by ${steering.by ?? "itself"}`
  const decision = decide(of)
  if (decision._tag !== "Follow") return `${done} ${decision._tag}`
  return `${done}${decision.reason === undefined ? "" : "!"} ${decision.words}`
}

// prettier-ignore
const rows: ReadonlyArray<readonly [sentence: string, of: Situation, said: string]> = [
  ["promotes what was healthy for the soak", rollout(), `promote by itself 2 of 2 canaries of v1.1.0 healthy ${since}; promoted at 2026-01-01T12:00:00Z if they stay so`],
  ["not a moment before", rollout({ canariesSince: new Date(minutesAgo(1).getTime() + 1) }), `- 2 of 2 canaries of v1.1.0 healthy ${since}; promoted at 2026-01-01T12:00:00Z if they stay so`],
  ["at once where no soak is wanted", rollout({ canariesSince: noon }, { watched: { ...healthy, canarySoak: Duration.zero } }), `promote by itself 2 of 2 canaries of v1.1.0 healthy since 2026-01-01T12:00:00Z; promoted at 2026-01-01T12:00:00Z if they stay so`],
  ["waits for all of them", rollout({ canaries: canaries({ healthy: 1, run: null }), canariesSince: null }), "- 1 of 2 canaries of v1.1.0 healthy; promoted once all were healthy for 1m"],
  ["under manual waits for a person", rollout({}, { watched }), `-! 2 of 2 canaries of v1.1.0 healthy ${since}; ${person}`],
  ["that one ended needs a person under both", rollout({ canaries: canaries({ healthy: 1, ended: 1, run: null }), canariesSince: null }), `-! 1 of 2 canaries of v1.1.0 healthy: 1 ended after it was healthy, and Nomad replaces none: a person fails attempt ${marker(1)}`],
  ["nothing that was not read in this pass", rollout({ canaries: null }), "- the canaries of v1.1.0 wait to be promoted"],
  ["nothing by the canaries of another deployment", rollout({ canaries: canaries({ deployment: "d0" }) }), "- the canaries of v1.1.0 wait to be promoted"],
  ["S12: nor a version of somebody else that has the image", rollout({ canaries: canaries({ isOwn: false }) }), `-! 2 of 2 canaries of v1.1.0 healthy ${since}; somebody else's version of the job brought them: ${person}`],
  ["S22: nor what another repository rolls out in the job as well", rollout({}, { history: history({ rolling: [other, awaiting()] }) }), `-! 2 of 2 canaries of v1.1.0 healthy ${since}; a rollout of other goes on in the same job: ${person}`],
  ["S13: nor while auto_deploy is off", rollout({}, { desired: desired({ autoDeploy: false }) }), `-! 2 of 2 canaries of v1.1.0 healthy ${since}; auto_deploy is off: ${person}`],
  ["S13: but what a person ordered", rollout({ reason: "requested" }, { desired: desired({ autoDeploy: false }) }), `promote by itself 2 of 2 canaries of v1.1.0 healthy ${since}; promoted at 2026-01-01T12:00:00Z if they stay so`],
  ["nor under a hold", rollout({}, { desired: desired({ hold: hold(null) }) }), `-! 2 of 2 canaries of v1.1.0 healthy ${since}; held by ann (freeze): ${person}`],
  ["but once its time is over", rollout({}, { desired: desired({ hold: hold(noon) }) }), `promote by itself 2 of 2 canaries of v1.1.0 healthy ${since}; promoted at 2026-01-01T12:00:00Z if they stay so`],
  ["nothing in mode plan", rollout(failed, { watched: { ...healthy, mode: "plan" } }), "- ann fails the rollout of v1.1.0"],
  ["promotes what a person orders, whatever stands in the way", rollout({ ...promoted, canariesSince: noon }, { watched, desired: desired({ autoDeploy: false }) }), "promote by ann ann promotes the canaries of v1.1.0"],
  ["S6: not what is promoted already", rollout({ ...promoted, canaries: null }), "- ann promotes the canaries of v1.1.0"],
  ["S6: nor what Nomad has said is done", rollout({ orderedDeployment: "d1", orderDoneAt: noon }), "- the canaries of v1.1.0 are promoted"],
  ["S6: nor by an order for another deployment", rollout({ ...promoted, orderedDeployment: "d0" }, { watched }), `-! 2 of 2 canaries of v1.1.0 healthy ${since}; ${person}`],
  ["fails what a person fails, at any phase", rollout({ ...failed, phase: "rolling", canaries: null }), "fail by ann ann fails the rollout of v1.1.0"],
  ["S11: nor promotes it after its soak", rollout(failed), "fail by ann ann fails the rollout of v1.1.0"],
  ["S6: not what Nomad has said is failed", rollout({ ...failed, orderDoneAt: noon }), "- ann fails the rollout of v1.1.0"],
  ["says what Nomad refused to promote, and asks again", rollout({ orderRefused: refused("promote", "0/1 healthy") }, { watched }), `-! 2 of 2 canaries of v1.1.0 healthy ${since}; ${person}; Nomad refused to promote it, as ann ordered: 0/1 healthy`],
  ["promotes what nobody ordered again once it is due", rollout({ orderedDeployment: "d1", orderRefused: { ...refused("promote", "0/1 healthy"), by: null } }), `promote by itself 2 of 2 canaries of v1.1.0 healthy ${since}; promoted at 2026-01-01T12:00:00Z if they stay so; Nomad refused to promote it: 0/1 healthy`],
  ["S11: nor what Nomad refused to fail", rollout({ orderRefused: refused("fail", "not found") }), `-! 2 of 2 canaries of v1.1.0 healthy ${since}; ${person}; Nomad refused to fail it, as ann ordered: not found`],
  ["says so at any phase", rollout({ phase: "rolling", canaries: null, orderRefused: refused("fail", "not found") }), "- v1.1.0 is being rolled out; Nomad refused to fail it, as ann ordered: not found"],
  ["S6: nothing of what Nomad refused of the deployment before", rollout({ phase: "rolling", canaries: null, orderRefused: { ...refused("fail", "not found"), deployment: "d0" } }), "- Deployment running"],
  ["L10: fails what a person fails after that, though the release before took the order and kept the other", rollout({ ...failed, orderRefused: refused("promote", "0/1 healthy") }), "fail by ann ann fails the rollout of v1.1.0"],
  ["6: S16: what is newer takes the place of canaries that wait", rollout({}, newVersion), "promote by itself Deploy"],
  ["6: S11: but of what a person fails only once it has", rollout(failed, newVersion), "fail by ann ann fails the rollout of v1.1.0"],
  ["5: which a person's order does not wait for", rollout(failed, { desired: requested({ pinnedTag: tag("v1.0.0") }), seen: seen([], { "v1.0.0": "a" }) }), "fail by ann Deploy"],
  ["another repository's rollout is followed", rollout({}, { history: history({ rolling: [awaiting({ repository: "other" as never })] }) }), "- Deployment running"]
]

describe("what is done with a rollout that goes on", () => {
  it.each(rows)("%s", (_, of, said) => assert.strictEqual(told(of), said))

  it.each([
    ["is the end of the soak", rollout({ canariesSince: noon }), 1],
    ["is none under manual", rollout({ canariesSince: noon }, { watched }), null],
    [
      "is none once they are promoted",
      rollout({ canariesSince: noon, orderedDeployment: "d1", orderDoneAt: noon }),
      null
    ]
  ] satisfies ReadonlyArray<readonly [string, Situation, number | null]>)(
    "the next turn %s",
    (_, of, minutes) => assert.deepStrictEqual(nextTurn(of), minutes === null ? null : minutesAgo(-minutes))
  )

  it("S11: a digest that a person failed is elected no more", () =>
    assert.strictEqual(
      told(
        situation({
          observed: runs(task("v1.0.0", "a")),
          seen: seen(["v1.0.0", "v1.1.0"], { "v1.1.0": "b" }),
          history: history({
            quarantine: [{ digest: digest("b"), why: "failed by ann", until: null, failures: 0 }]
          })
        })
      ),
      "- InSync"
    ))
})
