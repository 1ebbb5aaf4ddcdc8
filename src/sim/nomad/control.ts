import { Effect, Schema } from "effect"
import { Fault, type Faults } from "./Fault.ts"
import { type Answer, type ApiRequest, bodyOf } from "./Http.ts"
import { PushedImage } from "./NodeImages.ts"
import { OutcomeRule, type Outcomes } from "./outcomes.ts"
import { isObject, type Json, type JsonObject, printJson, textOf } from "./Json.ts"
import { refuse, type Refusal } from "./Refusal.ts"
import type { Register, Registered } from "./registerJob.ts"

/** One request to Nomad's own paths, in the order in which they came. */
export interface RequestRecord {
  readonly method: string
  /** Decoded, with its query. */
  readonly path: string
  /** `null` while it is being answered, and for one that was cut. */
  readonly status: number | null
  /** Milliseconds since 1970, on the simulator's clock. */
  readonly at: number
}

/** What the simulator's own paths read and do. */
export interface Controlled {
  readonly requests: ReadonlyArray<RequestRecord>
  readonly registers: ReadonlyArray<Register>
  readonly faults: Faults
  readonly outcomes: Pick<Outcomes, "add" | "clear">
  readonly pauseEvaluations: (paused: boolean) => Effect.Effect<void>
  readonly register: (job: JsonObject) => Effect.Effect<Registered, Refusal>
  readonly addNamespace: (name: string) => Effect.Effect<void>
  readonly snapshot: () => void
  readonly restore: () => void
  readonly pushImage: (image: PushedImage) => void
  readonly identity: (allocation: string, task: string, name: string) => string | undefined
}

/** Answers the paths under `/_sim/`. */
export const control =
  (controlled: Controlled) =>
  (request: ApiRequest): Effect.Effect<Answer, Refusal> => {
    const { requests, registers, faults, outcomes, pauseEvaluations, register, addNamespace } = controlled
    const body = bodyOf(request)
    switch (`${request.method} ${request.path}`) {
      case "GET /_sim/requests":
        return done(requests.map((each) => ({ ...each })))
      case "GET /_sim/registers":
        return done(registers.map((each) => ({ ...each })))
      case "POST /_sim/faults":
        return body.pipe(
          Effect.flatMap(Schema.decodeUnknownEffect(Fault)),
          Effect.catchTag("SchemaError", ({ message }) => refuse(400, message)),
          Effect.flatMap((fault) => {
            faults.add(fault)
            return done({})
          })
        )
      case "DELETE /_sim/faults":
        return Effect.suspend(() => {
          faults.clear()
          return done({})
        })
      case "POST /_sim/outcomes":
        return body.pipe(
          Effect.flatMap(Schema.decodeUnknownEffect(OutcomeRule)),
          Effect.catchTag("SchemaError", ({ message }) => refuse(400, message)),
          Effect.flatMap((rule) => {
            outcomes.add(rule)
            return done({})
          })
        )
      case "DELETE /_sim/outcomes":
        return Effect.suspend(() => {
          outcomes.clear()
          return done({})
        })
      case "POST /_sim/evaluations":
        return Effect.flatMap(body, (value) =>
          Effect.andThen(pauseEvaluations(value["paused"] === true), done({}))
        )
      case "POST /_sim/namespaces":
        return Effect.flatMap(body, (value) => Effect.andThen(addNamespace(textOf(value["Name"])), done({})))
      case "POST /_sim/images":
        return body.pipe(
          Effect.flatMap(Schema.decodeUnknownEffect(PushedImage)),
          Effect.catchTag("SchemaError", ({ message }) => refuse(400, message)),
          Effect.flatMap((image) => {
            controlled.pushImage(image)
            return done({})
          })
        )
      case "GET /_sim/identity": {
        const [allocation = "", task = "", name] = ["allocation", "task", "name"].map(
          (each) => request.query.get(each) ?? undefined
        )
        const token = controlled.identity(allocation, task, name ?? "default")
        return token === undefined ? refuse(404, "there is no such identity") : done({ token })
      }
      case "POST /_sim/snapshot":
        return Effect.suspend(() => {
          controlled.snapshot()
          return done({})
        })
      case "POST /_sim/restore":
        return Effect.suspend(() => {
          controlled.restore()
          return done({})
        })
      case "POST /_sim/jobs":
        return body.pipe(
          Effect.flatMap((value) => register(isObject(value["Job"]) ? value["Job"] : value)),
          Effect.flatMap((registered) => done({ ...registered }))
        )
      default:
        return refuse(404, "the simulator has no such path")
    }
  }

const done = (body: Json): Effect.Effect<Answer> =>
  Effect.succeed({
    status: 200,
    headers: { "Content-Type": "application/json" },
    body: printJson(body)
  })
