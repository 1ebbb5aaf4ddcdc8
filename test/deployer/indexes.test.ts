import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Deployer } from "../../src/deployer/Deployer.ts"
import { recording } from "./jobs.ts"
import { nomadScript, type Said } from "./NomadScript.ts"

const stubs = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => ({ ID: `j${from + at}`, ModifyIndex: 100 + from + at }))

describe("indexes", () => {
  it.effect("reads every page of a namespace", () =>
    Effect.gen(function* () {
      const { endpoint, asked } = yield* nomadScript(({ url }) =>
        url.includes("next_token=default.j2")
          ? { json: stubs(2, 3) }
          : { json: stubs(0, 2), headers: { "X-Nomad-Nexttoken": "default.j2" } }
      )
      const found = yield* Deployer.use((deployer) =>
        deployer.indexes({ region: "eu", namespace: "team" })
      ).pipe(Effect.provide(Deployer.layer(endpoint)))
      assert.deepStrictEqual(
        [...found],
        [
          ["j0", 100],
          ["j1", 101],
          ["j2", 102]
        ]
      )
      assert.strictEqual(asked[0]?.url, "/v1/jobs?region=eu&namespace=team&per_page=1000")
    })
  )

  it.effect.each<[string, Said, string]>([
    [
      "a page that repeats itself",
      { json: stubs(0, 1), headers: { "X-Nomad-Nexttoken": "default.j0" } },
      "nomad_unreachable: Nomad's list of jobs does not end"
    ],
    [
      "no right",
      { status: 403, text: "Permission denied" },
      `forbidden: Nomad answered 403: Permission denied; the token needs list-jobs in namespace "default"`
    ],
    ["X23: no list", { json: { Jobs: [] } }, "nomad_unreachable: Nomad's answer is not a list of jobs"]
  ])("%s", ([, said, expected]) =>
    Effect.gen(function* () {
      const { endpoint, asked } = yield* nomadScript(() => said)
      const unread = yield* Deployer.use((deployer) =>
        Effect.flip(deployer.indexes({ region: "", namespace: "default" }))
      ).pipe(Effect.provide(Deployer.layer(endpoint)))
      assert.strictEqual(`${unread.reason}: ${unread.words}`, expected)
      assert.isAtMost(asked.length, 2)
    })
  )

  it.effect("a real agent's list", () =>
    Effect.gen(function* () {
      const { endpoint } = yield* nomadScript(() => ({ json: recording("jobs-list") }))
      const found = yield* Deployer.use((deployer) =>
        deployer.indexes({ region: "", namespace: "default" })
      ).pipe(Effect.provide(Deployer.layer(endpoint)))
      assert.deepStrictEqual([...found], [["ca-web", 1188]])
    })
  )
})
