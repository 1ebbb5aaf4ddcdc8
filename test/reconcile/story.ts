import { it } from "@effect/vitest"
import { Duration, Effect, type Scope } from "effect"
import { TestClock } from "effect/testing"
import type { Attempt } from "../../src/domain/Attempt.ts"
import type { Decision } from "../../src/domain/Decision.ts"
import type { RepositoryName } from "../../src/domain/RepositoryName.ts"
import type { Watched } from "../../src/domain/Watched.ts"
import { type NomadOptions, NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { Database } from "../../src/store/Database.ts"
import type { DesiredChange } from "../../src/store/desired.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { noPostgres } from "../real/postgres.ts"
import { InFlight } from "./inFlight.ts"
import { layerLoop, watch, watchedAs } from "./loop.ts"

export const inFlight = new InFlight()

/** Lets virtual time pass in steps in which nothing under way can run into its deadline. */
export const pass = Effect.fnUntraced(function* (time: Duration.Input) {
  for (let left = Duration.toMillis(time); left > 0; left -= 500) {
    yield* TestClock.adjust(Duration.millis(Math.min(500, left)))
    yield* inFlight.settled
  }
})

/** One interval and a rollout, with room to spare. */
export const awhile = pass("75 seconds")

type Parts = NomadSimulator | RegistrySimulator | StateStore | Database

/** A test on the whole core: real HTTP, a database of its own, virtual time. */
export const story = <E>(
  sentence: string,
  body: Effect.Effect<void, E, Effect.Services<ReturnType<typeof watch>> | Parts | Scope.Scope>,
  options: NomadOptions = {}
) =>
  it.effect.skipIf(noPostgres)(
    sentence,
    () => body.pipe(Effect.provide(layerLoop(inFlight, undefined, options))),
    60_000
  )

/** One repository, its job of the same name, and what became of both. */
export class Story {
  readonly name: string
  readonly host: string

  constructor(name: string, host: string) {
    this.name = name
    this.host = host
  }

  /** The job runs the first tag, as people write it; the reconciler has seen it once. */
  static readonly begin = (...as: Parameters<typeof Story.led>) =>
    Effect.map(Story.led(...as), ({ story }) => story)

  /** As `begin`, with the leader in hand, so that it can be lost. */
  static readonly led = Effect.fnUntraced(function* (
    tags: readonly [string, ...ReadonlyArray<string>],
    change: Partial<Watched> = {},
    job: Partial<Parameters<typeof sampleJob>[0]> = {}
  ) {
    const nomad = yield* NomadSimulator
    const registry = yield* RegistrySimulator
    const story = new Story("api", registry.origin.host)
    for (const tag of tags) yield* registry.push(story.name, tag)
    yield* nomad.register(sampleJob({ id: story.name, image: `${story.image}:${tags[0]}`, ...job }))
    yield* pass("10 seconds")
    const begin = watch([watchedAs(story.name, story.host, change)])
    const leader = yield* begin
    yield* pass("2 seconds")
    return { story, leader, begin }
  })

  get image(): string {
    return `${this.host}/${this.name}`
  }

  at(tag: string, digest: string): string {
    return `${this.image}:${tag}@${digest}`
  }

  push(tag: string, content?: string) {
    return Effect.flatMap(RegistrySimulator, (registry) => registry.push(this.name, tag, content))
  }

  /** Something that is no image. */
  pushChart(tag: string) {
    const chart = {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: {
        mediaType: "application/vnd.cncf.helm.config.v1+json",
        digest: `sha256:${"a".repeat(64)}`,
        size: 2
      },
      layers: []
    }
    return Effect.flatMap(RegistrySimulator, (registry) =>
      registry.pushManifest(this.name, tag, chart.mediaType, JSON.stringify(chart))
    )
  }

  /** A person's change, and what comes of it at once. */
  change(change: Omit<DesiredChange, "repository" | "by" | "from">) {
    return Effect.flatMap(StateStore, (store) =>
      store.change({ repository: this.name as RepositoryName, by: "ann", from: "127.0.0.1", ...change })
    ).pipe(Effect.andThen(pass("5 seconds")))
  }

  /** Somebody has the registry asked now. */
  get check() {
    return Effect.flatMap(StateStore, (store) => store.checkNow(this.name as RepositoryName)).pipe(
      Effect.andThen(pass("5 seconds"))
    )
  }

  /** Images of the registers that Nomad took from us, in their order. */
  get registered() {
    return Effect.gen({ self: this }, function* () {
      const nomad = yield* NomadSimulator
      return (yield* nomad.registers).map(({ body }) => imageIn(body["Job"]))
    })
  }

  /** What the job's spec has now. */
  get running() {
    return Effect.gen({ self: this }, function* () {
      const nomad = yield* NomadSimulator
      return imageIn(yield* nomad.job("default", this.name))
    })
  }

  get attempts() {
    return Effect.flatMap(StateStore, (store) => store.attempts(this.name as RepositoryName, 100)).pipe(
      Effect.map((attempts): ReadonlyArray<Attempt> => attempts.toReversed())
    )
  }

  /** Of the attempts, oldest first. */
  get states() {
    return Effect.map(this.attempts, (attempts) => attempts.map(({ state }) => state))
  }

  /** The states that each attempt went through, oldest first, by the audit: `intended submitted accepted …`. */
  get ways() {
    return Effect.gen({ self: this }, function* () {
      const { pool: sql } = yield* Database
      const rows = yield* sql<{ readonly way: string }>`
        select string_agg(substr(action, 9), ' ' order by id) as way from audit
        where repository = ${this.name} and action like 'attempt %' and action <> 'attempt given up'
        group by attempt order by min(id)`
      return rows.map(({ way }) => way)
    })
  }

  /** `InSync`, `Wait held` … as recorded last. */
  get decision() {
    return Effect.flatMap(StateStore, (store) => store.statuses([this.name as RepositoryName])).pipe(
      Effect.map(([status]) => told(status?.decision ?? null))
    )
  }

  /** Of the decision that was recorded last. */
  get words() {
    return Effect.flatMap(StateStore, (store) => store.statuses([this.name as RepositoryName])).pipe(
      Effect.map(([status]) => {
        const decision = status?.decision ?? null
        return decision !== null && "words" in decision ? decision.words : ""
      })
    )
  }

  /** What somebody else wrote within the last hour, as it is counted. */
  get foreignWrites() {
    return Effect.gen({ self: this }, function* () {
      const store = yield* StateStore
      const job = { region: "", namespace: "default", job: this.name }
      return (yield* store.remembered(this.name as RepositoryName, job, [])).history.foreignWritesLastHour
    })
  }

  get desired() {
    return Effect.flatMap(StateStore, (store) => store.desired(this.name as RepositoryName))
  }
}

const told = (decision: Decision | null): string => {
  if (decision === null) return "none"
  return decision._tag === "Wait" || decision._tag === "Stall"
    ? `${decision._tag} ${decision.reason}`
    : decision._tag
}

interface Tasks {
  readonly TaskGroups?: ReadonlyArray<{
    readonly Tasks: ReadonlyArray<{ readonly Config: { readonly image?: string } }>
  }>
}

const imageIn = (job: unknown): string =>
  (job as Tasks | undefined)?.TaskGroups?.[0]?.Tasks[0]?.Config.image ?? ""
