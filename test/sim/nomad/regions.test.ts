import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { fixtureJob } from "../../../src/sim/NomadSimulator.ts"
import { ask, withNomad } from "./asking.ts"

const job = fixtureJob({ id: "web", count: 0 })

describe("regions", () => {
  const two = { Multiregion: { Regions: [{ Name: "east" }, { Name: "west" }] } }
  it.effect.each([
    ["", {}, {}, [200, ""]],
    ["", {}, { Region: "mars" }, [500, "No path to region"]],
    ["?region=mars", {}, {}, [500, "No path to region"]],
    // The body counts before the query, whatever the recorded facts said.
    ["?region=mars", { Region: "global" }, {}, [200, ""]],
    [
      "",
      {},
      { Multiregion: { Regions: [{ Name: "global" }] } },
      [500, "1 error occurred:\n\t* Multiregion jobs are unlicensed.\n\n"]
    ],
    ["", {}, two, [500, "No path to region"]]
  ] as const)("a register with %s %j %j", ([query, more, rest, expected]) =>
    withNomad((nomad) =>
      Effect.map(
        ask(nomad, "POST", `/v1/jobs${query}`, { Job: { ...job, ...rest }, ...more }),
        ({ status, body }) => assert.deepStrictEqual<unknown>([status, status === 200 ? "" : body], expected)
      )
    )
  )
})

describe("without a leader", () => {
  it.effect("a stale read says so", () =>
    withNomad((nomad) =>
      Effect.gen(function* () {
        yield* nomad.inject({ _tag: "NoLeader" })
        const { headers } = yield* ask(nomad, "GET", "/v1/jobs?stale")
        assert.strictEqual(headers["X-Nomad-Knownleader"], "false")
      })
    )
  )
})
