import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Deployer } from "../../src/deployer/Deployer.ts"
import { markerKey } from "../../src/domain/Attempt.ts"
import type { JobPlan } from "../../src/domain/JobPlan.ts"
import { NomadSimulator } from "../../src/sim/NomadSimulator.ts"
import { digestB, image, type Json, mapping as mappingOf, recording, target, web } from "./jobs.ts"
import { type Asked, nomadScript, type Said } from "./NomadScript.ts"
import { mapping, simulated, stable, to } from "./simulated.ts"

/** What the deployer makes of this answer to a plan of the recorded job, and the body that it asked with. */
const planned = Effect.fnUntraced(function* (answer: Said) {
  const serve = ({ url, method }: Asked): Said =>
    method === "POST" ? answer : { json: url.includes("/deployment") ? null : web }
  const { endpoint, asked } = yield* nomadScript(serve)
  const told = yield* Deployer.use((deployer) =>
    Effect.gen(function* () {
      const { base } = yield* deployer.observe(mappingOf())
      assert.isDefined(base)
      return yield* Effect.catch(deployer.plan(base, target), (unread) => Effect.succeed(unread))
    })
  ).pipe(Effect.provide(Deployer.layer(endpoint)))
  return { told, asked: asked.filter(({ method }) => method === "POST") }
})

const answer = (name: string, rest: Json = {}): Said => ({
  json: { ...(recording(name) as Json), JobModifyIndex: web["JobModifyIndex"], ...rest }
})
const unchanged = { Type: "None", Old: "s3cret", New: "s3cret" }
const diff = (task: Json): Json => ({
  Diff: {
    Type: "Edited",
    Fields: null,
    Objects: null,
    TaskGroups: [
      { Name: "g", Type: "Edited", Updates: { canary: 1 }, Fields: [], Objects: [], Tasks: [task] }
    ]
  }
})

describe("plan", () => {
  it.effect.each<[name: string, said: Said, tag: string, words: RegExp]>([
    [
      "names the right that is missing",
      { status: 403, text: "Permission denied" },
      "Unread",
      /Permission denied; the token needs plan-job \(submit-job before Nomad 1\.11\.2\) in namespace "default"/
    ],
    [
      "a job that Nomad refuses is refused, in Nomad's words",
      { status: 500, text: "1 error occurred:\n\t* Missing job task groups\n\n" },
      "Refused",
      /Missing job task groups/
    ],
    [
      "without a leader nothing is told",
      { status: 500, text: "No cluster leader" },
      "Unread",
      /No cluster leader/
    ],
    ["what is no plan is not taken for one", { json: { JobModifyIndex: 1171 } }, "Unread", /is not a plan/],
    [
      "X6: a diff against somebody else's change is not shown",
      answer("plan-destructive", { JobModifyIndex: 9999 }),
      "Unread",
      /somebody wrote the job meanwhile/
    ]
  ])("%s", ([, said, tag, words]) =>
    Effect.gen(function* () {
      const { told } = yield* planned(said)
      assert.strictEqual(told._tag, tag)
      assert.match("words" in told ? told.words : "", words)
    })
  )

  it.effect("X6: fields that stay as they are are left out, however deep they lie", () =>
    Effect.gen(function* () {
      const { told } = yield* planned(
        answer(
          "plan-destructive",
          diff({
            Name: "t",
            Type: "Edited",
            Fields: [
              { ...unchanged, Name: "Env[PASSWORD]" },
              { Type: "Added", Name: `Meta[${markerKey}]`, Old: "", New: "m" }
            ],
            Objects: [
              {
                Name: "Config",
                Type: "Edited",
                Fields: [
                  { Type: "Edited", Name: "image", Old: "a", New: "b" },
                  { ...unchanged, Name: "auth[0][password]" }
                ],
                Objects: null
              }
            ]
          })
        )
      )
      assert.deepStrictEqual(told, {
        _tag: "Planned",
        plan: {
          changes: [
            { type: "added", group: "g", task: "t", field: `Meta[${markerKey}]`, old: "", new: "m" },
            { type: "edited", group: "g", task: "t", field: "Config.image", old: "a", new: "b" }
          ],
          groups: [{ name: "g", updates: { canary: 1 } }],
          unplaced: null,
          warnings: ""
        }
      })
    })
  )

  it.effect("says why there is no place, and what Nomad warns of", () =>
    Effect.gen(function* () {
      const { told } = yield* planned(answer("plan-unplaceable", { Warnings: "1 warning:\n\n* old syntax" }))
      assert.strictEqual(told._tag, "Planned")
      const { plan } = told as { readonly plan: JobPlan }
      assert.strictEqual(plan.unplaced, 'no node can run it: group "g": ${attr.kernel.name} = plan9')
      assert.strictEqual(plan.warnings, "1 warning: * old syntax")
    })
  )

  it.effect("asks with the very job that a deploy would send, for Nomad's diff", () =>
    Effect.gen(function* () {
      const { asked } = yield* planned(answer("plan-destructive"))
      const [only] = asked
      assert.isDefined(only)
      assert.lengthOf(asked, 1)
      assert.strictEqual(new URL(only.url, "http://nomad").pathname, "/v1/job/ca-web/plan")
      const body = JSON.parse(only.body) as { readonly Diff: boolean; readonly Job: typeof web }
      const [group] = body.Job["TaskGroups"] as ReadonlyArray<{ readonly Tasks: ReadonlyArray<Json> }>
      assert.isTrue(body.Diff)
      assert.deepInclude(group?.Tasks[0]?.["Config"], { image: `${image}:1.2.4@${digestB}` })
    })
  )

  it.live("tells image, force_pull and marker, and nothing else; nothing is written", () =>
    Effect.gen(function* () {
      const deployer = yield* Deployer
      const nomad = yield* NomadSimulator
      yield* stable("web")
      const before = yield* nomad.job("default", "web")
      const { base } = yield* deployer.observe(mapping("web", { imageForm: "tag" }))
      assert.isDefined(base)
      const told = yield* deployer.plan(base, to("1.1.0"))
      assert.strictEqual(told._tag, "Planned")
      const { plan } = told as { readonly plan: JobPlan }
      const changes = plan.changes.map(({ type, field, old, new: becomes }) => [type, field, old, becomes])
      assert.sameDeepMembers(changes, [
        ["edited", "Config.image", `${image}:1.0.0`, `${image}:1.1.0`],
        ["added", "Config.force_pull", "", "true"],
        ["added", `Meta[${markerKey}]`, "", "00000000-0000-0000-0000-000000000000"]
      ])
      assert.deepStrictEqual(
        plan.groups.map(({ updates }) => updates),
        [{ "create/destroy update": 1 }]
      )
      assert.deepStrictEqual(yield* nomad.job("default", "web"), before)
    }).pipe(Effect.provide(simulated))
  )
})
