import { Clock, Context, Effect, FiberSet, Layer, Random } from "effect"
import { answer, cut } from "./nomad/answer.ts"
import type { Cluster } from "./nomad/Cluster.ts"
import { control, type RequestRecord } from "./nomad/control.ts"
import { type Fault, makeFaults } from "./nomad/Fault.ts"
import { type Answer, type ApiRequest, plainAnswer } from "./nomad/Http.ts"
import type { Job } from "./nomad/Job.ts"
import { type JsonObject, textOf } from "./nomad/Json.ts"
import { byTag, type OutcomeOf } from "./nomad/Outcome.ts"
import { makeAcl } from "./nomad/Acl.ts"
import { newToken } from "./nomad/aclRoutes.ts"
import { makePeriodic } from "./nomad/children.ts"
import { allRights } from "./nomad/Rights.ts"
import { makeNodeImages, type PushedImage } from "./nomad/NodeImages.ts"
import { makeOutcomes, type OutcomeRule } from "./nomad/outcomes.ts"
import type { Refusal } from "./nomad/Refusal.ts"
import { featuresOf, newestVersion } from "./nomad/ServerVersion.ts"
import { makeClient } from "./nomad/Client.ts"
import { makeScheduler } from "./nomad/Scheduler.ts"
import { serve } from "./nomad/serve.ts"
import type { Snapshot } from "./nomad/Snapshot.ts"
import { State } from "./nomad/State.ts"
import { makeTaskLogs } from "./nomad/taskLogs.ts"
import { measuredTimings, type Timings } from "./nomad/Timings.ts"
import { makeWatcher } from "./nomad/Watcher.ts"
import { register, type Register, type Registered, type Writer } from "./nomad/registerJob.ts"

export { Fault } from "./nomad/Fault.ts"
export type { Snapshot } from "./nomad/Snapshot.ts"
export { PushedImage } from "./nomad/NodeImages.ts"
export type { Job } from "./nomad/Job.ts"
export { byImage, byTag, Outcome, type OutcomeOf, type Start, tagOf } from "./nomad/Outcome.ts"
export { OutcomeRule } from "./nomad/outcomes.ts"
export type { PullReason } from "./nomad/pullWords.ts"
export type { RequestRecord } from "./nomad/control.ts"
export type { Refusal } from "./nomad/Refusal.ts"
export { fixtureJob, sampleJob } from "./nomad/sampleJob.ts"
export { measuredTimings, quickTimings, type Timings } from "./nomad/Timings.ts"
export type { Register } from "./nomad/registerJob.ts"

export interface NomadOptions {
  /** `127.0.0.1` where not said. */
  readonly host?: string
  /** 0, the default, lets the system choose. */
  readonly port?: number
  /** Over `measuredTimings`; `quickTimings` for tests on a real clock. */
  readonly timings?: Partial<Timings>
  /** What becomes of a task where no rule of `setOutcome` matches; `byTag` where not said. */
  readonly outcome?: OutcomeOf
  /** Version of the server, `2.0.6` where not said: an older one behaves as servers of that time did (`ServerVersion.ts`). */
  readonly version?: string
  /** An Enterprise server takes jobs of several regions, this one among them whatever they are called. False where not said. */
  readonly enterprise?: boolean
  /** What a server before 1.10 asks of who submits a job that uses it: a token in the job. Nothing where not said. */
  readonly requiresTokens?: { readonly vault?: boolean; readonly consul?: boolean }
  /** Turns ACLs on; this is the secret of the one token that is there at first. Off where not said. */
  readonly acl?: { readonly managementToken: string }
  /** Path of a unix socket that is to serve the Task API, as a task finds it in its secrets. None where not said. */
  readonly taskApi?: string
  /** Further namespaces; `default` is always there. */
  readonly namespaces?: ReadonlyArray<string>
}

/** The logs keep this many entries; older ones go first. */
const keptRecords = 200_000

/**
 * A Nomad cluster of one server and one node over memory, behind Nomad's own HTTP. All time is Effect's
 * `Clock` and all chance Effect's `Random` of the context that the layer is built in: under a test clock
 * nothing happens by itself, and the same seed gives the same life. `/_sim/…` is its own, for processes:
 * `GET /_sim/requests`, `GET /_sim/registers`, `POST /_sim/faults` (a `Fault`), `DELETE /_sim/faults`,
 * `POST /_sim/outcomes` (an `OutcomeRule`), `DELETE /_sim/outcomes`, `POST /_sim/evaluations` (`{"paused": true}`),
 * `POST /_sim/jobs` (a job, or `{"Job": …}`), `POST /_sim/namespaces` (`{"Name": …}`), `POST /_sim/images` (a `PushedImage`),
 * `GET /_sim/identity?allocation=…&task=…&name=…`, `POST /_sim/snapshot`, and `POST /_sim/restore` to it, or to the beginning.
 */
export class NomadSimulator extends Context.Service<
  NomadSimulator,
  {
    /** Where it listens, such as `http://127.0.0.1:4646`. */
    readonly url: string
    /** The requests so far; those under `/_sim/` are not among them. */
    readonly requests: Effect.Effect<ReadonlyArray<RequestRecord>>
    /** The registers that were taken so far, those of an unchanged job too (`changed` is false then). */
    readonly registers: Effect.Effect<ReadonlyArray<Register>>
    /** From now on this goes wrong with matching requests. */
    inject(fault: Fault): Effect.Effect<void>
    /** Everything is well again. */
    readonly clearFaults: Effect.Effect<void>
    /** From now on this becomes of matching tasks when they are placed or started. */
    setOutcome(rule: OutcomeRule): Effect.Effect<void>
    /** Only the option `outcome` counts again. */
    readonly clearOutcomes: Effect.Effect<void>
    /** Whether what is registered, stopped or rolled back waits unscheduled, as an operator can have it. */
    pauseEvaluations(paused: boolean): Effect.Effect<void>
    /** Registers a job as `POST /v1/jobs` would, in its own namespace; it is in no log. */
    register(job: JsonObject): Effect.Effect<Registered, Refusal>
    addNamespace(name: string): Effect.Effect<void>
    /** From now on the tag points at that digest, in a registry that has nothing but what was pushed. */
    pushImage(image: PushedImage): Effect.Effect<void>
    /** The node has no image any more. */
    readonly pruneImages: Effect.Effect<void>
    /** The job as stored now. */
    job(namespace: string, id: string): Effect.Effect<Job | undefined>
    /**
     * The token of a task's identity of that name (`default` unless said), as its client would write it now: one with
     * a TTL is new at each call. `undefined` where there is no such allocation, task or identity.
     */
    identity(allocation: string, task: string, name?: string): Effect.Effect<string | undefined>
    /** Of the next evaluations that many end as failed: other writes always came before their plans. */
    rejectPlans(evaluations: number): Effect.Effect<void>
    /** What the servers have stored now. */
    readonly snapshot: Effect.Effect<Snapshot>
    /**
     * As an operator restores one: everything is as it was then, indexes go back, streams end. Without one: as at first,
     * as a `-dev` server has it that is started again. The client keeps what it runs of what is still there.
     */
    restore(snapshot?: Snapshot): Effect.Effect<void>
    /** Answers a request without a socket; `undefined` where the connection would be cut. */
    handle(request: ApiRequest): Effect.Effect<Answer | undefined>
  }
>()("registrywatcher/sim/NomadSimulator") {
  /** Listens until the scope is closed. Fails where the address is taken. */
  static readonly layer = (options: NomadOptions = {}): Layer.Layer<NomadSimulator, Error> =>
    Layer.effect(NomadSimulator, make(options))
}

const make = (options: NomadOptions) =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const random = yield* Random.Random
    const run = yield* FiberSet.makeRuntime<never, void>()
    const now = () => clock.currentTimeNanosUnsafe()
    const state = new State(now)
    for (const name of options.namespaces ?? []) state.namespaces.add(name)
    const newId = () => uuid(() => random.nextDoubleUnsafe())
    const version = options.version ?? newestVersion
    const has = featuresOf(version)
    if (has === undefined) return yield* Effect.fail(new Error(`${version} is no version such as 2.0.6`))
    const rules = makeOutcomes(options.outcome ?? byTag)
    const acl = makeAcl({ enabled: options.acl !== undefined, state, now, newId, has })
    const cluster: Cluster = {
      state,
      acl,
      node: { id: newId(), name: "simulated" },
      timings: { ...measuredTimings, ...options.timings },
      version,
      has,
      enterprise: options.enterprise ?? false,
      requiresTokens: { vault: false, consul: false, ...options.requiresTokens },
      outcome: rules.of,
      logs: makeTaskLogs(),
      images: makeNodeImages(has),
      after: (milliseconds, act) => void run(Effect.sync(act).pipe(Effect.delay(Math.max(0, milliseconds)))),
      now,
      newId,
      random: () => random.nextDoubleUnsafe()
    }
    // Scheduler, client and watcher know each other: each tells the others what it changed.
    const client = makeClient(cluster, (before, after) => watcher.count(before, after))
    const scheduler = makeScheduler(cluster, {
      placed: client.place,
      stopped: client.stop,
      movedInPlace: client.moveInPlace,
      deploymentChanged: (id) => watcher.deploymentChanged(id)
    })
    const watcher = makeWatcher(cluster, scheduler.enqueue)

    const requests: Array<RequestRecord> = []
    const registers: Array<Register> = []
    const faults = makeFaults()
    const millisNow = () => clock.currentTimeMillisUnsafe()
    makePeriodic(cluster, scheduler.enqueue)
    if (options.acl !== undefined) {
      const fields = { Name: "Bootstrap Token", Type: "management", Global: true }
      newToken({ cluster }, { ...fields, SecretID: options.acl.managementToken })
    }
    const writer: Writer = {
      cluster,
      enqueue: scheduler.enqueue,
      broker: scheduler,
      deploymentChanged: watcher.deploymentChanged,
      registered: (entry) => {
        registers.push({ ...entry, at: millisNow() })
        if (registers.length > keptRecords) registers.shift()
      }
    }
    const seed = (job: JsonObject) =>
      register({ ...writer, registered: () => undefined }, {}, job, textOf(job["Namespace"], "default"), {
        who: Effect.succeed(allRights())
      })
    const addNamespace = (name: string) =>
      Effect.sync(() => void state.commit(undefined, () => state.namespaces.add(name)))

    const outcomes = {
      add: (rule: OutcomeRule) => {
        rules.add(rule)
        scheduler.roomChanged()
      },
      clear: () => {
        rules.clear()
        scheduler.roomChanged()
      }
    }

    const pauseEvaluations = (paused: boolean) => Effect.sync(() => scheduler.pause(paused))

    const restore = (snapshot: Snapshot): void => {
      state.restore(snapshot)
      client.forget((id) => state.allocations.has(id))
      for (const { ID } of state.deployments.values()) watcher.deploymentChanged(ID)
      for (const each of state.evaluations.values()) if (each.Status === "pending") scheduler.enqueue(each)
    }
    const begin = state.snapshot()
    let kept = begin

    const controlled = {
      requests,
      registers,
      faults,
      outcomes,
      pauseEvaluations,
      addNamespace,
      snapshot: () => void (kept = state.snapshot()),
      restore: () => restore(kept),
      pushImage: cluster.images.push,
      identity: acl.tokenOf
    }
    const own = control({ ...controlled, register: seed })

    const handle = (request: ApiRequest): Effect.Effect<Answer | undefined> => {
      if (request.path.startsWith("/_sim/")) {
        return Effect.catchTag(own(request), "Refusal", ({ status, words }) =>
          Effect.succeed(plainAnswer(status, words))
        )
      }
      return Effect.suspend(() => {
        const query = request.query.toString()
        const path = query === "" ? request.path : `${request.path}?${query}`
        const record: { -readonly [K in keyof RequestRecord]: RequestRecord[K] } = {
          method: request.method,
          path,
          status: null,
          at: millisNow()
        }
        requests.push(record)
        if (requests.length > keptRecords) requests.shift()
        const fault = faults.take(request.method, path)
        return Effect.map(answer(writer, request, fault), (answered) => {
          if (answered === cut) return undefined
          record.status = answered.status
          return answered
        })
      })
    }

    const host = options.host ?? "127.0.0.1"
    const port = yield* serve({ host, port: options.port ?? 0 }, handle)
    if (options.taskApi !== undefined) {
      yield* serve({ socket: options.taskApi }, (request) => handle({ ...request, taskApi: true }))
    }
    return NomadSimulator.of({
      url: `http://${host.includes(":") ? `[${host}]` : host}:${port}`,
      requests: Effect.sync(() => requests.map((each) => ({ ...each }))),
      registers: Effect.sync(() => [...registers]),
      inject: (fault) => Effect.sync(() => faults.add(fault)),
      clearFaults: Effect.sync(faults.clear),
      setOutcome: (rule) => Effect.sync(() => outcomes.add(rule)),
      clearOutcomes: Effect.sync(outcomes.clear),
      pauseEvaluations,
      rejectPlans: (evaluations) => Effect.sync(() => scheduler.rejectPlans(evaluations)),
      snapshot: Effect.sync(() => state.snapshot()),
      restore: (snapshot = begin) => Effect.sync(() => restore(snapshot)),
      register: seed,
      addNamespace,
      pushImage: (image) => Effect.sync(() => cluster.images.push(image)),
      pruneImages: Effect.sync(() => cluster.images.prune()),
      identity: (allocation, task, name = "default") =>
        Effect.sync(() => acl.tokenOf(allocation, task, name)),
      job: (namespace, id) => Effect.sync(() => state.job(namespace, id)),
      handle
    })
  })

/** A version 4 UUID out of 16 random numbers. */
const uuid = (random: () => number): string => {
  const bytes = Array.from({ length: 16 }, () => Math.floor(random() * 256))
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.map((each) => each.toString(16).padStart(2, "0")).join("")
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-")
}
