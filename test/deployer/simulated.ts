import { assert } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Deployer, type Progress } from "../../src/deployer/Deployer.ts"
import { type Attempt, AttemptId } from "../../src/domain/Attempt.ts"
import { Tag } from "../../src/domain/Tag.ts"
import type { Target } from "../../src/domain/Target.ts"
import type { Mapping } from "../../src/domain/Watched.ts"
import type { NomadEndpoint } from "../../src/domain/NomadEndpoint.ts"
import { type NomadOptions, NomadSimulator, quickTimings, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { digestB, image, mapping as mappingOf } from "./jobs.ts"
import { endpointAt } from "./NomadScript.ts"

export const simulatedWith = (
  timings: typeof quickTimings,
  options: NomadOptions = {},
  endpoint: Partial<NomadEndpoint> = {}
) =>
  Layer.unwrap(
    Effect.map(NomadSimulator, ({ url }) => Deployer.layer(endpointAt(new URL(url), endpoint)))
  ).pipe(Layer.provideMerge(NomadSimulator.layer({ timings, ...options })))
export const simulated = simulatedWith(quickTimings)

export const to = (tag: string, digest = digestB): Target => ({ tag: Tag.make(tag), digest })
export const mapping = (id: string, rest: Partial<Mapping> = {}) =>
  mappingOf({ job: { region: "", namespace: "default", job: id }, tasks: [], ...rest })

let drawn = 0
export const nextId = () => AttemptId.make(`00000000-0000-4000-8000-${String(++drawn).padStart(12, "0")}`)

/** Registers a sample job of one docker task, healthy after 50 ms, on tag `1.0.0`, and waits until it is stable. */
export const stable = (id: string, rest: Partial<Parameters<typeof sampleJob>[0]> = {}) =>
  Effect.gen(function* () {
    const nomad = yield* NomadSimulator
    yield* nomad.register(sampleJob({ id, image: `${image}:1.0.0`, minHealthyTime: 50, ...rest }))
    const isStable = Effect.map(nomad.job("default", id), (job) => job?.["Stable"] === true)
    yield* eventually(isStable, (yes) => yes)
  })

/** Looks again every 10 ms, for 10 seconds at most. */
export const eventually = <A, E, R>(look: Effect.Effect<A, E, R>, isRight: (seen: A) => boolean) =>
  Effect.gen(function* () {
    for (;;) {
      const seen = yield* look
      if (isRight(seen)) return seen
      yield* Effect.sleep("10 millis")
    }
  }).pipe(Effect.timeout("10 seconds"))

/** What the loop does once: observe, edit, register; the attempt is as its row would be. */
export const deploy = (id: string, target: Target, rest: Partial<Mapping> = {}) =>
  Effect.gen(function* () {
    const deployer = yield* Deployer
    const { base, observed } = yield* deployer.observe(mapping(id, rest))
    assert.isDefined(base, JSON.stringify(observed))
    const edit = yield* deployer.edit(base, target, nextId())
    const registered = yield* deployer.register(edit)
    const { baseIndex, baseVersion, imageSent } = edit
    const open = {
      id: edit.attempt,
      ...mapping(id, rest).job,
      baseIndex,
      baseVersion,
      imageSent,
      nomadIndex: registered._tag === "Accepted" ? registered.nomadIndex : null,
      nomadVersion: null,
      phase: null
    } as Attempt
    return { edit, registered, attempt: open }
  })

export const progress = (attempt: Attempt) =>
  Effect.map(
    Deployer.use((deployer) => deployer.progress([attempt])),
    (told) => told.get(attempt.id)
  )
export const outcome = (attempt: Attempt) =>
  eventually(progress(attempt), (told) => told?._tag === "Ended").pipe(
    Effect.map((told) => told as Extract<Progress, { readonly _tag: "Ended" }>)
  )

export const images = (id: string) =>
  Effect.map(
    Deployer.use((deployer) => deployer.observe(mapping(id))),
    ({ observed }) => (observed._tag === "Runs" ? observed.tasks.map((task) => task.image) : [observed._tag])
  )
export const registersOf = (id: string) =>
  Effect.gen(function* () {
    const all = yield* (yield* NomadSimulator).registers
    return all.filter((register) => register.job === id).length
  })
