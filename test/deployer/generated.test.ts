import { assert, layer } from "@effect/vitest"
import { Arbitrary, Effect, Layer, Schema } from "effect"
import { Deployer } from "../../src/deployer/Deployer.ts"
import { NomadSimulator } from "../../src/sim/NomadSimulator.ts"
import { differences } from "./differences.ts"
import { generatedJob, listed, serversOwn } from "./generatedJob.ts"
import { type GeneratedSource, generatedSource, sourceOf } from "./generatedSource.ts"
import { digestA, digestB, type Json, mapping } from "./jobs.ts"
import { endpointAt } from "./NomadScript.ts"
import {
  allowedDifferences,
  type Chosen,
  mappedPlaces,
  placesOf,
  type ReadJob,
  valueAt,
  withoutAppended
} from "./received.ts"
import { nextId, to } from "./simulated.ts"

const simulated = Layer.unwrap(
  Effect.map(NomadSimulator, ({ url }) => Deployer.layer(endpointAt(new URL(url))))
).pipe(Layer.provideMerge(NomadSimulator.layer({ namespaces: ["team a"], enterprise: true })))

/** Nomad's JSON with its large integers as any reader has them. */
const plain = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, item: unknown) => (typeof item === "bigint" ? Number(item) : item)))

const isZero = (value: unknown): boolean =>
  typeof value === "object" ? Object.keys(value ?? {}).length === 0 : !value

/** What was drawn: nothing may go by that no run ever had. */
const seen = {
  keys: { job: new Set<string>(), group: new Set<string>(), task: new Set<string>() },
  sources: new Set<string>(),
  written: 0,
  left: 0
}
const note = (into: Set<string>, holder: Json) => {
  for (const [key, value] of Object.entries(holder)) if (serversOwn.has(key) || !isZero(value)) into.add(key)
}
const noteJob = (job: ReadJob) => {
  note(seen.keys.job, job)
  for (const group of job.TaskGroups) note(seen.keys.group, group)
  for (const { task } of placesOf(job)) note(seen.keys.task, task)
}

/** Each place's image in the source, `now` instead of its own where it has one. */
const sourceWith = (
  source: GeneratedSource,
  job: Pick<ReadJob, "TaskGroups">,
  now = new Map<string, string>()
) =>
  sourceOf(
    source,
    placesOf(job).map(({ path, group, task }) => {
      const image = String(task.Config["image"])
      return { group, task: task.Name, image, written: now.get(path) ?? image }
    })
  )

/** The indexes of a scaling block are the server's too: those of one that is posted back become 0 (`nomad-api.md` §2.3). */
const ofScaling = /^\/TaskGroups\/\d+\/Scaling\/(?:Create|Modify)Index$/

let drawn = 0

/** Registers the job as anybody would, deploys it twice with the real deployer, and looks at what Nomad received. */
const isKept = Effect.fnUntraced(function* (given: Json, source: GeneratedSource, chosen: Chosen) {
  const nomad = yield* NomadSimulator
  const deployer = yield* Deployer
  const { idEnds, ...rest } = given
  const ID = `job-${++drawn}${String(idEnds)}`
  const namespace = String(given["Namespace"])
  const call = (path: string, init?: RequestInit) =>
    Effect.promise(() => fetch(`${nomad.url}${path}`, init).then((answer) => answer.text()))
  const read = Effect.map(
    call(`/v1/job/${encodeURIComponent(ID)}?${new URLSearchParams({ namespace }).toString()}`),
    (text) => JSON.parse(text) as ReadJob
  )
  const Submission = sourceWith(source, given as unknown as ReadJob)
  yield* call("/v1/jobs", { method: "POST", body: JSON.stringify({ Job: { ...rest, ID }, Submission }) })
  let stored = yield* read
  noteJob(stored)
  seen.sources.add(source.kind)
  const first = stored
  const places = mappedPlaces(first, chosen)
  // The second finds the first's image, marker and digest.
  for (const [tag, digest] of [
    ["1.2.4", digestB],
    ["1.2.5", digestA]
  ] as const) {
    const before = (yield* nomad.registers).length
    const { base } = yield* deployer.observe(mapping({ job: { region: "", namespace, job: ID }, ...chosen }))
    assert.strictEqual(base !== undefined, places !== undefined)
    if (base === undefined || places === undefined) {
      seen.left += 1
      return true
    }
    seen.written += 1
    const edit = yield* deployer.edit(base, to(tag, digest), nextId())
    const registered = yield* deployer.register(edit)
    assert.strictEqual("words" in registered ? registered.words : "", "")
    const received = (yield* nomad.registers).slice(before)
    assert.strictEqual(received.length, 1)
    const { Job: sent, Submission: text, ...rules } = plain(received[0]?.body) as Json
    assert.deepStrictEqual(rules, {
      EnforceIndex: true,
      JobModifyIndex: stored.JobModifyIndex,
      PreserveCounts: true
    })

    const images = new Map(
      places.map(({ path, task }) => {
        const name = String(task.Config["image"]).replace(/(?<=team\/api)[:@].*$/, "")
        return [path, `${name}:${tag}${chosen.imageForm === "tag" ? "" : `@${digest}`}`] as const
      })
    )
    const allowed = allowedDifferences(stored, images, edit.attempt, chosen.imageForm)
    const paths = differences(withoutAppended(plain(stored) as ReadJob), sent)
    assert.sameDeepMembers(
      paths.map((path) => [path, valueAt(sent, path)]),
      [...allowed]
    )

    const isWhole = source.kind === "json" || source.kind === "function"
    const wanted = isWhole
      ? { Source: sent, Format: "json", VariableFlags: null, Variables: "" }
      : sourceWith(source, first, source.kind === "empty" ? new Map() : images)
    const { Source, ...how } = (text ?? {}) as Json
    assert.deepStrictEqual(
      text === undefined ? undefined : { Source: isWhole ? JSON.parse(String(Source)) : Source, ...how },
      wanted
    )

    // What the server made of it is that job again, with what it appends.
    const after = yield* read
    assert.sameMembers(
      differences(stored, after).filter((path) => !serversOwn.has(path.slice(1)) && !ofScaling.test(path)),
      [...allowed.keys()].filter((path) => path !== "/VersionTag" || stored["VersionTag"] !== null)
    )
    stored = after
  }
  return true
})

const drawnCase = Arbitrary.all({
  job: generatedJob,
  source: generatedSource,
  chosen: Arbitrary.schema(
    Schema.Struct({
      tasks: Schema.Literals(["", "t0", "t0 t1"]),
      group: Schema.Literals(["", "", "g0"]),
      imageForm: Schema.Literals(["digest", "tag"])
    })
  )
})

layer(simulated, { excludeTestServices: true })("jobs of every kind, as Nomad received them", (it) => {
  it.effect(
    "S5: S21: S22: differ in image and marker of the mapped tasks, and what a register would itself change, and in nothing else; so does their source",
    () =>
      Effect.gen(function* () {
        // Nothing is placed: what is looked at is what was written.
        yield* (yield* NomadSimulator).pauseEvaluations(true)
        const checked = yield* Arbitrary.checkEffect(
          drawnCase,
          ({ job, source, chosen: { tasks, group, imageForm } }) => {
            const chosen = {
              tasks: tasks === "" ? [] : tasks.split(" "),
              group: group === "" ? undefined : group,
              imageForm
            }
            // A failed assertion is made smaller.
            return isKept(job, source, chosen).pipe(Effect.catchDefect(Effect.fail))
          },
          { runs: 150, size: 20 }
        )
        assert.isUndefined(Arbitrary.formatCheckFailure(checked))
        for (const where of ["job", "group", "task"] as const)
          assert.deepStrictEqual(
            listed[where].filter((key) => !seen.keys[where].has(key)),
            [],
            `keys of a ${where} that were never generated`
          )
        assert.strictEqual(seen.sources.size, 5)
        assert.isAbove(Math.min(seen.written, seen.left), 10)
      }),
    60_000
  )
})
