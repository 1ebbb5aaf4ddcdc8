import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { Deployer } from "../../src/deployer/Deployer.ts"
import type { Attempt } from "../../src/domain/Attempt.ts"
import { markerKey } from "../../src/domain/Attempt.ts"
import { attemptA, attemptB, group, image, job, type Json, recording, task } from "./jobs.ts"
import { nomadScript, type Said } from "./NomadScript.ts"

/** What settling looks at of an attempt; its register had base 1171, version 0, as `ca-web` of the recordings. */
const attempt = (rest: Partial<Attempt> = {}) =>
  ({
    id: attemptA,
    region: "",
    namespace: "default",
    job: "ca-web",
    baseIndex: 1171,
    baseVersion: 0,
    ...rest
  }) as Attempt

/** `version:index` with a marker or none, as `/versions` has it: highest first. */
const version = (Version: number, JobModifyIndex: number, marker?: string, rest: Json = {}) =>
  job([group("g", [task("t", { image }, marker === undefined ? {} : { Meta: { [markerKey]: marker } })])], {
    Version,
    JobModifyIndex,
    ModifyIndex: JobModifyIndex + 1,
    ...rest
  })

const settling = (said: Said, rest: Partial<Attempt> = {}) =>
  Effect.gen(function* () {
    const { endpoint, asked } = yield* nomadScript(() => said)
    const settled = yield* Deployer.use((deployer) => Effect.result(deployer.settle(attempt(rest)))).pipe(
      Effect.provide(Deployer.layer(endpoint))
    )
    return { settled, asked }
  })
const listing = (...versions: ReadonlyArray<Json>): Said => ({ json: { Versions: versions, Diffs: null } })

const base = version(0, 1171)
describe("settle", () => {
  it.effect.each<[string, Said, string]>([
    ["found in the newest version", listing(version(1, 1182, attemptA), base), "Accepted 1182 version 1"],
    [
      "found below a newer one: mutant 7",
      listing(version(2, 1187), version(1, 1182, attemptA), base),
      "Accepted 1182 version 1"
    ],
    [
      "the lowest counts: a rollback or a scale carries the marker again",
      listing(version(3, 1190, attemptA), version(2, 1187, attemptB), version(1, 1182, attemptA), base),
      "Accepted 1182 version 1"
    ],
    [
      "found where the versions do not reach back",
      listing(version(9, 1300, attemptA)),
      "Accepted 1300 version 9"
    ],
    [
      "an auto-revert in between hides nothing",
      listing(version(2, 1187, undefined, { Stable: true }), version(1, 1182, attemptA), base),
      "Accepted 1182 version 1"
    ],
    [
      "T16: nor does another's rollback, which swallowed it",
      listing(version(3, 1192), version(2, 1187, attemptA), version(1, 1182, attemptB), base),
      "Accepted 1187 version 2"
    ],
    [
      "nor an operator's revert to before it, and back to it",
      listing(version(3, 1195, attemptA), version(2, 1190), version(1, 1182, attemptA), base),
      "Accepted 1182 version 1"
    ],
    [
      "nor a stop",
      listing(version(2, 1190, attemptA, { Stop: true }), version(1, 1182, attemptA), base),
      "Accepted 1182 version 1"
    ],
    [
      "its own version is kept no more, a copy of it is",
      listing(version(8, 1300, attemptA), version(7, 1290, attemptB)),
      "Accepted 1300 version 8"
    ],
    ["in none, and nobody wrote", listing(base), "Absent"],
    [
      "in none, and it was stopped",
      listing(version(1, 1182, undefined, { Stop: true }), base),
      "Moved: somebody else wrote version 1 of the job"
    ],
    [
      "a version that somebody numbered 50 (2.0): those between never were, which nothing says",
      listing(version(50, 1190), base),
      "OutOfReach: Nomad no longer has version 1 of the job, so it can not be told whether the register was taken"
    ],
    ["in none, and only the status moved", listing({ ...base, ModifyIndex: 1200 }), "Absent"],
    ["the base carries it already, which proves nothing", listing(version(0, 1171, attemptA)), "Absent"],
    [
      "in none, and somebody wrote",
      listing(version(1, 1182, attemptB), base),
      "Moved: somebody else wrote version 1 of the job"
    ],
    [
      "an unbroken row without the base itself proves as much",
      listing(version(2, 1190), version(1, 1182)),
      "Moved: somebody else wrote version 2 of the job"
    ],
    [
      "the versions do not reach back",
      listing(version(3, 1195), version(2, 1190)),
      "OutOfReach: Nomad no longer has version 1 of the job, so it can not be told whether the register was taken"
    ],
    [
      "an old stable version below a gap",
      listing(version(3, 1195), version(2, 1190), base),
      "OutOfReach: Nomad no longer has version 1 of the job, so it can not be told whether the register was taken"
    ],
    [
      "purged and made again",
      listing(version(0, 1300, attemptA, { CreateIndex: 1300 })),
      "Moved: the job was purged and made again"
    ],
    ["gone", { status: 404, text: "job versions not found" }, "Moved: the job is gone"],
    [
      "S24: an index below the base is stale",
      listing(version(0, 1160, undefined, { CreateIndex: 1160, ModifyIndex: 1161 })),
      "nomad_unreachable: Nomad answered with the job at index 1161, after 1171 was seen: a server that has fallen behind, or a Nomad that was restored, which is believed after a minute"
    ],
    [
      "no leader",
      { status: 500, text: "No cluster leader" },
      "nomad_unreachable: Nomad answered 500: No cluster leader"
    ],
    [
      "no right",
      { status: 403, text: "Permission denied" },
      `forbidden: Nomad answered 403: Permission denied; the token needs read-job in namespace "default"`
    ],
    [
      "X23: half an answer",
      { status: 200, text: '{"Versions":[{' },
      "nomad_unreachable: Nomad's answer is not a list of job versions"
    ]
  ])("S6: %s", ([, said, expected]) =>
    Effect.map(settling(said), ({ settled }) => {
      const brief =
        settled._tag === "Failure"
          ? `${settled.failure.reason}: ${settled.failure.words}`
          : settled.success._tag === "Accepted"
            ? `Accepted ${settled.success.nomadIndex} version ${settled.success.nomadVersion}`
            : settled.success._tag === "Absent"
              ? "Absent"
              : `${settled.success._tag}: ${settled.success.words}`
      assert.strictEqual(brief, expected)
    })
  )

  it.effect.each<[string, Said, string]>([
    [
      "one was made stable and the next written over: the base is still there",
      listing(version(5, 1300), version(4, 1310), version(3, 1250)),
      "Moved"
    ],
    [
      "… over the base as well, and over what may have been ours",
      listing(version(6, 1330), version(5, 1320), version(4, 1310), version(3, 1250)),
      "OutOfReach"
    ]
  ])("S6: T20: %s", ([, said, expected]) =>
    Effect.map(settling(said, { baseIndex: 1300, baseVersion: 5 }), ({ settled }) =>
      assert.deepInclude(settled._tag === "Success" ? settled.success : {}, { _tag: expected })
    )
  )

  it.effect("S6: S24: a lower index is stale for a minute, and then a cluster that was restored", () =>
    Effect.gen(function* () {
      const { endpoint } = yield* nomadScript(() =>
        listing(version(3, 1150, undefined, { CreateIndex: 1100 }))
      )
      yield* Deployer.use((deployer) =>
        Effect.gen(function* () {
          assert.strictEqual((yield* Effect.flip(deployer.settle(attempt()))).reason, "nomad_unreachable")
          yield* TestClock.adjust("1 minutes")
          assert.deepStrictEqual(yield* deployer.settle(attempt()), {
            _tag: "Moved",
            words: "the job went back to index 1150: Nomad was restored"
          })
        })
      ).pipe(Effect.provide(Deployer.layer(endpoint)))
    })
  )

  it.effect("S6: in the versions that a real agent has after a rollback", () =>
    Effect.gen(function* () {
      const { settled } = yield* settling({ json: recording("versions-after-revert") })
      assert.deepInclude(settled, { _tag: "Success" })
      assert.deepInclude(settled._tag === "Success" ? settled.success : {}, {
        words: "somebody else wrote version 2 of the job"
      })
    })
  )
})
