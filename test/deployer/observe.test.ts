import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import { Deployer } from "../../src/deployer/Deployer.ts"
import type { Observed } from "../../src/domain/Observed.ts"
import type { Mapping } from "../../src/domain/Watched.ts"
import {
  attemptA,
  digestA,
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
import { type Asked, endpointAt, nomadScript, type Said } from "./NomadScript.ts"

/** Reads of one job, `ca-web`, and of its newest deployment. */
const serving =
  (read: Json | Said, deployment: unknown = null) =>
  ({ url }: Asked): Said => {
    if (/\/deployment(\?|$)/.test(url)) return { json: deployment }
    return "json" in read || "status" in read || "act" in read ? (read as Said) : { json: read }
  }

const observing = (script: (asked: Asked) => Said, to: Mapping = mapping()) =>
  Effect.gen(function* () {
    const { endpoint, asked } = yield* nomadScript(script)
    const { observed, base } = yield* Deployer.use((deployer) => deployer.observe(to)).pipe(
      Effect.provide(Deployer.layer(endpoint))
    )
    assert.strictEqual(base !== undefined, observed._tag === "Runs", "a base stands exactly beside Runs")
    return { observed, asked }
  })

const said = (observed: Observed): string =>
  observed._tag === "Runs"
    ? `Runs ${observed.tasks.map(({ group: g, task: t, image: i }) => `${g}/${t}=${i}`).join(" ")}`
    : `${observed._tag} ${observed.reason}: ${observed.words}`

const one = (config: Json, rest: Json = {}) => job([group("g", [task("t", config, rest)])])
const notFound: Said = { status: 404, text: "job not found", headers: { "X-Nomad-Index": "1188" } }
const two = job([
  group("g", [task("t", { image: `${image}:1` }), task("u", { image: `${image}:2` })]),
  group("h", [task("t", { image: `${image}:3` }), task("v", { image: "redis:7" })])
])
const sidecar = task("connect-proxy-api", { image: `${image}:sidecar` }, { Kind: "connect-proxy:api" })

describe("observe", () => {
  it.effect.each<[string, Json | Said, Partial<Mapping>, string]>([
    ["S21: an absent job", notFound, {}, `Unfit job_absent: namespace "default" has no job "ca-web"`],
    [
      "S21: a stopped job",
      recording("job-stopped") as Json,
      {},
      `Unfit job_stopped: job "ca-web" is stopped`
    ],
    ["a child", { ...web, ParentID: "cron" }, {}, `Unfit job_child: job "ca-web" is a child of "cron"`],
    ["a dispatched job", { ...web, Dispatched: true }, {}, `Unfit job_child: job "ca-web" was dispatched`],
    [
      "a multiregion job",
      { ...web, Multiregion: {} },
      {},
      `Unfit job_multiregion: job "ca-web" is a multiregion job`
    ],
    ["S22: no such task", web, { tasks: ["x"] }, `Unfit task_not_found: the job has no task "x"`],
    ["S22: one of two missing", web, { tasks: ["t", "x"] }, `Unfit task_not_found: the job has no task "x"`],
    [
      "S22: not in that group",
      two,
      { group: "h", tasks: ["u"] },
      `Unfit task_not_found: group "h" has no task "u"`
    ],
    [
      "S22: no task runs the image",
      web,
      { tasks: [], imageNames: ["redis"] },
      "Unfit task_not_found: no task of the job runs redis"
    ],
    [
      "an interpolated image",
      one({ image: `${image}:\${NOMAD_META_tag}` }),
      {},
      `Unfit image_interpolated: task "t" of group "g" takes its image from ${image}:\${NOMAD_META_tag}`
    ],
    [
      "S23: a malformed image",
      one({ image: "UPPER case" }),
      {},
      `Unfit image_malformed: task "t" of group "g" has "UPPER case", which is not an image reference`
    ],
    [
      "a task of a driver without images",
      recording("job-stable") as Json,
      {},
      `Unfit image_malformed: task "t" of group "g" has no image`
    ],
    [
      "another repository's image",
      one({ image: "redis:7" }),
      {},
      `Unfit image_foreign: task "t" of group "g" runs redis:7, which is not ${image}`
    ],
    ["S22: one name in several groups", two, {}, `Runs g/t=${image}:1 h/t=${image}:3`],
    ["S22: one name in one group", two, { group: "h" }, `Runs h/t=${image}:3`],
    [
      "S22: no names are all tasks that run the image",
      two,
      { tasks: [] },
      `Runs g/t=${image}:1 g/u=${image}:2 h/t=${image}:3`
    ],
    [
      "a Connect sidecar is never looked at",
      job([group("g", [task("t", { image: `${image}:1` }), sidecar])]),
      { tasks: [] },
      `Runs g/t=${image}:1`
    ],
    [
      "an alias of docker.io",
      one({ image: "docker.io/library/redis:7" }),
      { imageNames: ["redis"] },
      "Runs g/t=docker.io/library/redis:7"
    ],
    [
      "the second name",
      one({ image: "mirror.example.com/api:7" }),
      { imageNames: [image, "mirror.example.com/api"] },
      "Runs g/t=mirror.example.com/api:7"
    ],
    ["a leading https://", one({ image: `https://${image}:7` }), {}, `Runs g/t=https://${image}:7`],
    [
      "a leading http:// is no reference (T15)",
      one({ image: `http://${image}:7` }),
      {},
      `Unfit image_malformed: task "t" of group "g" has "http://${image}:7", which is not an image reference`
    ],
    [
      "no right to read",
      { status: 403, text: "Permission denied" },
      {},
      `Unread forbidden: Nomad answered 403: Permission denied; the token needs read-job in namespace "default"`
    ],
    [
      "no token on the Task API",
      { status: 401, text: "Unauthorized" },
      {},
      `Unread forbidden: Nomad answered 401: Unauthorized; the token needs read-job in namespace "default"`
    ],
    [
      "a job of another namespace than was asked for",
      { ...web, Namespace: "other" },
      {},
      `Unread nomad_unreachable: Nomad answered with job "ca-web" of namespace "other"`
    ],
    [
      "no leader",
      { status: 500, text: "No cluster leader" },
      {},
      "Unread nomad_unreachable: Nomad answered 500: No cluster leader"
    ],
    [
      "X15: X6: Nomad's words are one line, without secrets",
      { status: 500, text: "rpc error: a\n\tb: token=abc\u0007" },
      {},
      "Unread nomad_unreachable: Nomad answered 500: rpc error: a b: token=…"
    ],
    [
      "S24: an answer without a known leader",
      { json: web, headers: { "X-Nomad-Knownleader": "false" } },
      {},
      "Unread nomad_unreachable: Nomad has no leader: its answer may be old"
    ],
    [
      "a 404 that is not Nomad's",
      { status: 404, text: "" },
      {},
      "Unread nomad_unreachable: Nomad answered 404: "
    ],
    [
      "X23: an answer that is no JSON",
      { status: 200, text: '{"ID":' },
      {},
      "Unread nomad_unreachable: Nomad's answer is not a job"
    ],
    [
      "X23: a job without its index",
      { ...web, JobModifyIndex: 0 },
      {},
      "Unread nomad_unreachable: Nomad's answer is not a job as we know it"
    ],
    [
      "another job than was asked for",
      { ...web, ID: "ca-other" },
      {},
      `Unread nomad_unreachable: Nomad answered with job "ca-other" of namespace "default"`
    ],
    [
      "X13: an answer over the cap",
      {
        act: (response) => {
          const page = "x".repeat(1024 * 1024)
          response.writeHead(200)
          for (let written = 0; written < 33; written++) response.write(page)
          response.end()
        }
      },
      {},
      "Unread nomad_unreachable: Nomad did not answer: the answer is larger than 33554432 bytes"
    ]
  ])("%s", ([, read, to, expected]) =>
    Effect.map(observing(serving(read), mapping(to)), ({ observed }) =>
      assert.strictEqual(said(observed), expected)
    )
  )

  it.effect.each(["connect-proxy:api", "connect-ingress:api", "connect-terminating:api", "connect-mesh:api"])(
    "a task that Nomad put in for Connect is no task of ours: %s",
    (Kind) =>
      Effect.gen(function* () {
        const injected = job([group("g", [task("t", { image: `${image}:1` }, { Kind })])])
        assert.match(
          said((yield* observing(serving(injected), mapping({ tasks: [] }))).observed),
          /^Unfit task_not_found/
        )
        const own = job([group("g", [task("t", { image: `${image}:1` }, { Kind: "connect-native:api" })])])
        assert.match(said((yield* observing(serving(own), mapping({ tasks: [] }))).observed), /^Runs g\/t=/)
      })
  )

  it.effect("reads tag, digest, marker, indexes and the newest deployment", () =>
    Effect.gen(function* () {
      const marked = task(
        "t",
        { image: `${image}:1.2.3@${digestA}` },
        { Meta: { registrywatcher_attempt: attemptA } }
      )
      const groups = [
        group("g", [marked]),
        group("h", [task("t", { image }, { Meta: { registrywatcher_attempt: "no uuid" } })]),
        group("i", [task("t", { image: `${image}@${digestA}` })])
      ]
      const deployment = recording("deployment-canary-healthy")
      const { observed } = yield* observing(serving(job(groups), deployment))
      assert.deepStrictEqual(observed, {
        _tag: "Runs",
        tasks: [
          {
            group: "g",
            task: "t",
            image: `${image}:1.2.3@${digestA}`,
            tag: "1.2.3",
            digest: digestA,
            marker: attemptA
          },
          { group: "h", task: "t", image, tag: "latest", digest: null, marker: null },
          { group: "i", task: "t", image: `${image}@${digestA}`, tag: null, digest: digestA, marker: null }
        ],
        jobType: "service",
        isParent: false,
        version: 0,
        createIndex: 1171,
        modifyIndex: 1178,
        jobModifyIndex: 1171,
        deployment: {
          id: "cecc4cff-5441-40ad-7207-b45f6f6c8e8a",
          status: "running",
          description: "Deployment is running but requires manual promotion",
          jobVersion: 1,
          requiresPromotion: true
        }
      } as unknown as Observed)
    })
  )

  it.effect("asks in the job's region and namespace, with the id escaped", () =>
    Effect.gen(function* () {
      const ref = { region: "eu", namespace: "team a", job: "a/b" }
      const read = { ...web, ID: "a/b", Namespace: "team a" }
      const { observed, asked } = yield* observing(serving(read), mapping({ job: ref }))
      assert.strictEqual(observed._tag, "Runs")
      assert.deepStrictEqual(
        asked.map(({ url }) => url),
        ["/v1/job/a%2Fb?region=eu&namespace=team+a", "/v1/job/a%2Fb/deployment?region=eu&namespace=team+a"]
      )
    })
  )

  it.effect("asks in the endpoint's own region and namespace where the job names none", () =>
    Effect.gen(function* () {
      const rest = { region: "eu", namespace: "team" }
      const { endpoint, asked } = yield* nomadScript(serving(notFound), rest)
      const ref = { region: "", namespace: "", job: "ca-web" }
      yield* Deployer.use((deployer) => deployer.observe(mapping({ job: ref }))).pipe(
        Effect.provide(Deployer.layer(endpoint))
      )
      assert.strictEqual(asked[0]?.url, "/v1/job/ca-web?region=eu&namespace=team")
    })
  )

  it.effect("reads a job whose id ends like an endpoint through its versions", () =>
    Effect.gen(function* () {
      const ref = { region: "", namespace: "default", job: "x/deployment" }
      const read = { ...web, ID: "x/deployment" }
      const { observed, asked } = yield* observing(
        ({ url }) =>
          url.startsWith("/v1/job/x%2Fdeployment/versions")
            ? { json: { Versions: [{ ...read, Version: 1, JobModifyIndex: 1175 }, read], Diffs: null } }
            : { json: null },
        mapping({ job: ref })
      )
      assert.strictEqual(observed._tag === "Runs" ? observed.jobModifyIndex : 0, 1175)
      assert.notInclude(
        asked.map(({ url }) => url),
        "/v1/job/x%2Fdeployment?namespace=default"
      )
    })
  )

  it.effect("S24: a lower index of the same job is stale, for a minute", () =>
    Effect.gen(function* () {
      let read: Json = web
      const { endpoint } = yield* nomadScript((asked) => serving(read)(asked))
      yield* Effect.gen(function* () {
        const deployer = yield* Deployer
        const look = Effect.map(deployer.observe(mapping()), ({ observed }) => said(observed))
        const runs = `Runs g/t=${image}:1.2.3`
        assert.strictEqual(yield* look, runs)
        read = { ...web, CreateIndex: 900, ModifyIndex: 1000 }
        assert.strictEqual(yield* look, runs, "another life of the job")
        read = web
        assert.strictEqual(yield* look, runs)
        read = { ...web, ModifyIndex: 1177 }
        const stale =
          "Unread nomad_unreachable: Nomad answered with the job at index 1177, after 1178 was seen: a server that has fallen behind, or a Nomad that was restored, which is believed after a minute"
        assert.strictEqual(yield* look, stale)
        yield* TestClock.adjust("59 seconds")
        assert.strictEqual(yield* look, stale)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* look, runs, "the cluster was restored from a snapshot")
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* look, runs, "and stays so")
      }).pipe(Effect.provide(Deployer.layer(endpoint)))
    })
  )

  it.effect("X1, X6: token and basic auth go in headers, and nowhere else", () =>
    Effect.gen(function* () {
      const { endpoint, asked } = yield* nomadScript(
        () => ({ status: 302, text: "", headers: { location: "http://127.0.0.1:1/elsewhere" } }),
        { token: Redacted.make("s3cr3t"), httpAuth: Redacted.make("user:pass") }
      )
      const { observed } = yield* Deployer.use((deployer) => deployer.observe(mapping())).pipe(
        Effect.provide(Deployer.layer(endpoint))
      )
      assert.strictEqual(said(observed), "Unread nomad_unreachable: Nomad answered 302: ")
      assert.strictEqual(asked.length, 1, "a redirect is not followed")
      assert.strictEqual(asked[0]?.headers["x-nomad-token"], "s3cr3t")
      assert.strictEqual(asked[0]?.headers.authorization, `Basic ${btoa("user:pass")}`)
      assert.notInclude(asked[0]?.url, "s3cr3t")
    })
  )

  it.effect("X6: what is printed of a base has nothing of the job", () =>
    Effect.gen(function* () {
      const { endpoint } = yield* nomadScript(
        serving(one({ image: `${image}:1`, auth: [{ password: "hunter2" }] }, { Env: { KEY: "hunter2" } }))
      )
      const seen = yield* Deployer.use((deployer) =>
        Effect.gen(function* () {
          const { base } = yield* deployer.observe(mapping())
          assert.isDefined(base)
          const edit = yield* deployer.edit(base, target, attemptA)
          return [base, edit].map((made) => JSON.stringify(made) + inspect(made, { depth: 20 })).join()
        })
      ).pipe(Effect.provide(Deployer.layer(endpoint)))
      assert.notInclude(seen, "hunter2")
    })
  )

  it.effect("a refused connection is Unread", () =>
    Effect.gen(function* () {
      const { observed } = yield* Deployer.use((deployer) => deployer.observe(mapping())).pipe(
        Effect.provide(Deployer.layer(endpointAt(new URL("http://127.0.0.1:1"))))
      )
      assert.strictEqual(
        said(observed),
        "Unread nomad_unreachable: Nomad did not answer: connect ECONNREFUSED 127.0.0.1:1"
      )
    })
  )
})
