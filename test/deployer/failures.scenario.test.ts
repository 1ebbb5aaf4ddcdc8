import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { NomadSimulator, type Outcome, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { image } from "./jobs.ts"
import { deploy, eventually, outcome, progress, simulated, stable, to } from "./simulated.ts"

const nomadSays = "Failed due to unhealthy allocations - rolling back to job version 0"
const daemon = "image pull failed: "

describe("S11: what failed, and whose it was, against a Nomad over HTTP", () => {
  layer(simulated, { excludeTestServices: true })((it) => {
    it.effect.each<[string, Outcome, string]>([
      [
        "exits",
        { _tag: "Exits", code: 3, stderr: "starting\npanic: no database\n" },
        "image: task exits: exited 3; last line of stderr: panic: no database"
      ],
      [
        "says-it-on-stdout",
        { _tag: "Exits", code: 3, stdout: "bye\n" },
        "image: task says-it-on-stdout: exited 3; last line of stdout: bye"
      ],
      ["memory", { _tag: "OutOfMemory" }, "image: task memory: killed by the kernel, out of memory (64 MiB)"],
      ["missing", { _tag: "PullFails" }, `image: task missing: ${daemon}manifest unknown`],
      [
        "registry-down",
        { _tag: "PullFails", reason: "server error" },
        `surroundings: task registry-down: ${daemon}received unexpected HTTP status: 500 Internal Server Error`
      ],
      [
        "no-program",
        { _tag: "StartFails", words: "no such program" },
        "image: task no-program: could not be started: no such program"
      ],
      [
        "unwell",
        { _tag: "NeverHealthy" },
        "image: task unwell: not healthy within 250ms (check of unwell failing)"
      ]
    ])("%s", ([id, failure, expected]) =>
      Effect.gen(function* () {
        yield* stable(id)
        const nomad = yield* NomadSimulator
        yield* nomad.setOutcome({ job: id, version: 1, outcome: failure })
        const { attempt } = yield* deploy(id, to("1.0.1"))
        const ended = yield* outcome(attempt)
        assert.strictEqual(`${ended.blame}: ${ended.words}`, `${expected} (Nomad: ${nomadSays})`)
        assert.strictEqual(ended.outcome, "reverted")
      })
    )

    it.effect("unplaceable says what there is too little of, and rolls on where there is enough", () =>
      Effect.gen(function* () {
        yield* stable("room")
        const nomad = yield* NomadSimulator
        yield* nomad.setOutcome({ job: "room", version: 1, outcome: { _tag: "Unplaceable" } })
        const { attempt } = yield* deploy("room", to("1.0.1"))
        const stuck = yield* eventually(
          progress(attempt),
          (told) => told?._tag === "Rolling" && told.phase === "unplaceable"
        )
        assert.strictEqual(stuck?.words, 'no node can run it: group "room": memory')
      })
    )

    it.effect("another task of the job failed: others, and its words", () =>
      Effect.gen(function* () {
        const others = [{ task: "side", image: "other/side:1", group: "second" }]
        yield* stable("shared", { others })
        const nomad = yield* NomadSimulator
        yield* nomad.setOutcome({ job: "shared", task: "side", outcome: { _tag: "Exits", code: 7 } })
        const edited = sampleJob({
          id: "shared",
          image: `${image}:1.0.0`,
          minHealthyTime: 50,
          others: [{ task: "side", image: "other/side:2", group: "second" }]
        })
        yield* nomad.clearOutcomes
        yield* nomad.setOutcome({
          job: "shared",
          task: "side",
          image: "side:2",
          outcome: { _tag: "Exits", code: 7 }
        })
        yield* nomad.register(edited)
        const { attempt } = yield* deploy("shared", to("1.0.1"))
        const ended = yield* outcome(attempt)
        assert.deepInclude(ended, { outcome: "reverted", blame: "others" })
        assert.match(ended.words, /^task side: exited 7 \(Nomad: /)
      })
    )
  })
})
