import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Schema } from "effect"
import { markerKey } from "../../src/domain/Attempt.ts"
import { Deployer } from "../../src/deployer/Deployer.ts"
import type { NomadEndpoint } from "../../src/domain/NomadEndpoint.ts"
import type { Mapping } from "../../src/domain/Watched.ts"
import { differences } from "./differences.ts"
import {
  attemptA,
  digestA,
  digestB,
  group,
  image,
  job,
  type Json,
  mapping,
  recording,
  target,
  task,
  web
} from "./jobs.ts"
import { nomadScript, type Said } from "./NomadScript.ts"

const noSource: Said = { status: 404, text: "job source not found" }

/** Reads `read`, edits it for `target`, and gives back the body of the one register that the server got. */
const registering = (
  read: Json,
  rest: {
    readonly to?: Partial<Mapping>
    readonly source?: Said
    readonly endpoint?: Partial<NomadEndpoint>
  } = {}
) =>
  Effect.gen(function* () {
    const { endpoint, asked } = yield* nomadScript(({ method, url }): Said => {
      if (method === "POST") return { json: recording("register-new") }
      if (url.includes("/submission")) return rest.source ?? noSource
      return { json: url.includes("/deployment") ? null : read }
    }, rest.endpoint)
    const { edit, registered } = yield* Deployer.use((deployer) =>
      Effect.gen(function* () {
        const { base } = yield* deployer.observe(mapping(rest.to))
        assert.isDefined(base)
        const made = yield* deployer.edit(base, target, attemptA)
        return { edit: made, registered: yield* deployer.register(made) }
      })
    ).pipe(Effect.provide(Deployer.layer(endpoint)))
    const posts = asked.filter(({ method }) => method === "POST")
    assert.strictEqual(posts.length, 1)
    const body = JSON.parse(posts[0]?.body ?? "") as Json & { readonly Job: Json }
    return {
      edit,
      registered,
      body,
      url: posts[0]?.url,
      gets: asked.filter(({ method }) => method === "GET")
    }
  })

const hash = (read: Json) => Effect.map(registering(read), ({ edit }) => edit.jobHash)

const sent = `${image}:1.2.4@${digestB}`

const one = (config: Json, restOfTask: Json = {}, restOfGroup: Json = {}, restOfJob: Json = {}) =>
  job([group("g", [task("t", config, restOfTask)], restOfGroup)], restOfJob)

describe("edit and register", () => {
  it.effect(
    "S3: one register, with check-and-set on the index read, and counts preserved (predecessor: counts)",
    () =>
      Effect.gen(function* () {
        const to = { job: { region: "eu", namespace: "default", job: "ca-web" } }
        const { body, edit, registered, url } = yield* registering(web, { to })
        assert.strictEqual(url, "/v1/jobs?region=eu&namespace=default")
        assert.deepStrictEqual(
          { ...body, Job: undefined },
          {
            Job: undefined,
            EnforceIndex: true,
            JobModifyIndex: 1171,
            PreserveCounts: true
          }
        )
        assert.deepStrictEqual(
          { ...edit, body: undefined, jobHash: undefined, ref: undefined },
          {
            attempt: attemptA,
            imageSent: sent,
            jobHash: undefined,
            baseIndex: 1171,
            baseVersion: 0,
            ref: undefined,
            body: undefined
          }
        )
        // The recorded answer is of another life, whose index is this job's own: nothing was registered by it.
        assert.strictEqual(registered._tag, "Unknown")
      })
  )

  const at = "/TaskGroups/0/Tasks/0"
  const changed = [`${at}/Config/image`, `${at}/Meta`, "/VersionTag"]
  const implied = { LTarget: "${attr.nomad.version}", Operand: "semver", RTarget: ">= 1.7.0-a" }
  const partition = { LTarget: "${attr.consul.partition}", Operand: "=", RTarget: "p" }
  const other = { LTarget: "${attr.kernel.name}", Operand: "=", RTarget: "linux" }

  it.effect.each<[string, Json, Partial<Mapping>, ReadonlyArray<string>]>([
    ["image and marker", web, {}, changed],
    [
      "a marker beside other meta",
      one({ image }, { Meta: { a: "b" } }),
      {},
      [`${at}/Config/image`, `${at}/Meta/${markerKey}`, "/VersionTag"]
    ],
    [
      "force_pull in tag form",
      one({ image, force_pull: false }),
      { imageForm: "tag" },
      [...changed, `${at}/Config/force_pull`]
    ],
    ["T4: the version tag is dropped", one({ image }, {}, {}, { VersionTag: { Name: "x" } }), {}, changed],
    [
      "T5: one implied constraint is taken out, which the server puts back",
      one({ image }, { Identities: [{ Name: "aws" }] }, { Constraints: [implied, other, implied] }),
      {},
      [...changed, "/TaskGroups/0/Constraints/2"]
    ],
    [
      "T5: also where a service of the group has the identity",
      one({ image }, {}, { Constraints: [other, implied], Services: [{ Identity: { Name: "s" } }] }),
      {},
      [...changed, "/TaskGroups/0/Constraints/1"]
    ],
    [
      "T5: or a service of the task",
      one({ image }, { Services: [{ Identity: { Name: "s" } }] }, { Constraints: [implied] }),
      {},
      [...changed, "/TaskGroups/0/Constraints/0"]
    ],
    [
      "T5: of a group and a task in a partition of Consul's, one each",
      one(
        { image },
        { Consul: { Cluster: "default", Partition: "p" }, Constraints: [other, partition] },
        { Consul: { Partition: "p" }, Constraints: [partition, other, partition] }
      ),
      {},
      [...changed, "/TaskGroups/0/Constraints/2", `${at}/Constraints/1`]
    ],
    [
      "T5: of a partition in another cluster of Consul's, that one's",
      one(
        { image },
        {},
        {
          Consul: { Cluster: "east", Partition: "p" },
          Constraints: [partition, { ...partition, LTarget: "${attr.consul.east.partition}" }]
        }
      ),
      {},
      [...changed, "/TaskGroups/0/Constraints/1"]
    ],
    [
      "T5: with both, each once",
      one(
        { image },
        { Identities: [{ Name: "aws" }] },
        { Consul: { Partition: "p" }, Constraints: [other, partition, implied] }
      ),
      {},
      [...changed, "/TaskGroups/0/Constraints/1", "/TaskGroups/0/Constraints/2"]
    ],
    [
      "T5: without a partition the server puts none back",
      one({ image }, { Consul: null }, { Consul: { Partition: "" }, Constraints: [partition] }),
      {},
      changed
    ],
    [
      "T5: without an identity the server puts none back",
      one({ image }, { Identities: [], Services: [{ Identity: null }] }, { Constraints: [implied] }),
      {},
      changed
    ],
    [
      "T5: a constraint that is not exactly it stays",
      one(
        { image },
        { Identities: [{ Name: "aws" }] },
        {
          Constraints: [
            { ...implied, X: 1 },
            { ...implied, RTarget: ">= 1.7.0" }
          ]
        }
      ),
      {},
      changed
    ],
    [
      "S22: every mapped task, in one register, and no other",
      job([
        group("g", [task("t", { image }), task("u", { image })]),
        group("h", [task("v", {}), task("t", { image })])
      ]),
      {},
      [...changed, "/TaskGroups/1/Tasks/1/Config/image", "/TaskGroups/1/Tasks/1/Meta"]
    ]
  ])("S5: the difference is %s", ([, read, to, expected]) =>
    Effect.map(registering(read, { to }), ({ body }) =>
      assert.sameMembers([...differences(read, body.Job)], [...expected])
    )
  )

  it.effect.each([
    ["digest form", `${image}:1.2.3@${digestA}`, "digest", sent],
    ["no tag yet", image, "digest", sent],
    ["a digest alone", `${image}@${digestA}`, "digest", sent],
    ["tag form", `${image}:1.2.3@${digestA}`, "tag", `${image}:1.2.4`],
    ["a leading https://", `https://${image}:1.2.3`, "digest", `https://${sent}`]
  ] as const)("writes the image: %s", ([, before, imageForm, expected]) =>
    Effect.map(registering(one({ image: before }), { to: { imageForm } }), ({ body, edit }) => {
      const groups = body.Job["TaskGroups"] as ReadonlyArray<{
        readonly Tasks: ReadonlyArray<{ readonly Config: Json; readonly Meta: Json }>
      }>
      assert.strictEqual(groups[0]?.Tasks[0]?.Config["image"], expected)
      assert.strictEqual(groups[0]?.Tasks[0]?.Meta[markerKey], attemptA)
      assert.strictEqual(edit.imageSent, expected)
    })
  )

  const Extra = Schema.Record(Schema.String, Schema.Json)
  it.effect.prop(
    "S5: unknown fields, nulls and falsy values survive, wherever they stand",
    [Extra, Extra, Extra, Extra],
    ([inJob, inGroup, inTask, inConfig]) =>
      Effect.gen(function* () {
        const read = job(
          [
            group("g", [{ ...inTask, ...task("t", { ...inConfig, image }) }], { x: inGroup }),
            group("h", [{ ...inTask, ...task("u", { ...inConfig, image }) }])
          ],
          { y: inJob, Count: 0, Flag: false, Nothing: null, Empty: [], Bare: {}, "": "" }
        )
        const { body } = yield* registering(read)
        assert.sameMembers([...differences(JSON.parse(JSON.stringify(read)), body.Job)], changed)
      }),
    { arbitrary: { runs: 50 } }
  )

  it.effect("VAULT_TOKEN goes into the job, and not into its stored source", () =>
    Effect.gen(function* () {
      const source: Said = { json: { ...(recording("submission") as Json), Format: "json" } }
      const endpoint = { vaultToken: Redacted.make("v4ult") }
      const { body } = yield* registering(web, { endpoint, source })
      assert.strictEqual(body.Job["VaultToken"], "v4ult")
      assert.notInclude(JSON.stringify(body["Submission"]), "v4ult")
    })
  )

  it.effect("the hash is of the job sent, in whatever order Nomad gives its keys (T19)", () =>
    Effect.gen(function* () {
      const first = yield* hash(one({ image, a: 1, b: { c: 2, d: 3 } }))
      assert.match(first, /^[a-f0-9]{64}$/)
      assert.strictEqual(yield* hash(one({ b: { d: 3, c: 2 }, a: 1, image })), first)
      assert.notStrictEqual(yield* hash(one({ image, a: 1, b: { c: 2, d: 4 } })), first)
    })
  )

  it.effect("T6: reads the source of the version that was read", () =>
    Effect.gen(function* () {
      const { body, gets } = yield* registering(
        { ...web, Version: 7 },
        { source: { json: recording("submission") } }
      )
      assert.include(
        gets.map(({ url }) => url),
        "/v1/job/ca-web/submission?namespace=default&version=7"
      )
      assert.strictEqual(body.Job["Version"], 7, "selects what is inherited")
      // The recorded text has no image, so the job itself is its source.
      const { Format, Source, VariableFlags, Variables } = body["Submission"] as Json
      assert.deepStrictEqual([Format, VariableFlags, Variables], ["json", null, ""])
      assert.deepStrictEqual(JSON.parse(String(Source)), body.Job)
    })
  )

  it.effect("T6: a source that the server can not give is replaced", () =>
    Effect.gen(function* () {
      const source: Said = { status: 500, text: 'invalid URL escape "%"' }
      const { body } = yield* registering(web, { source })
      assert.strictEqual((body["Submission"] as Json)["Format"], "json")
    })
  )

  it.effect("no register is made ready while the source can not be read", () =>
    Effect.gen(function* () {
      const { endpoint } = yield* nomadScript(({ url }) => {
        if (url.includes("/submission")) return { status: 500, text: "No cluster leader" }
        return { json: url.includes("/deployment") ? null : web }
      })
      const unread = yield* Deployer.use((deployer) =>
        Effect.gen(function* () {
          const { base } = yield* deployer.observe(mapping())
          assert.isDefined(base)
          return yield* Effect.flip(deployer.edit(base, target, attemptA))
        })
      ).pipe(Effect.provide(Deployer.layer(endpoint)))
      assert.strictEqual(unread.words, "Nomad answered 500: No cluster leader")
    })
  )
})
