import { Option, Schema } from "effect"
import type { Digest } from "../../domain/Digest.ts"
import { RepositoryName } from "../../domain/RepositoryName.ts"
import { Tag } from "../../domain/Tag.ts"
import type { Incoming } from "./distribution.ts"
import { Fault } from "./Fault.ts"
import type { Faults } from "./faults.ts"
import { empty, json, type Reply, type Route } from "./Reply.ts"
import type { makeRequestLog } from "./RequestLog.ts"
import type { SimAuth } from "./SimAuth.ts"

export interface Controlled {
  readonly push: (image: string, tag: string, content?: string) => Digest
  readonly auth: SimAuth
  readonly faults: Faults
  readonly log: ReturnType<typeof makeRequestLog>
}

const Push = Schema.Struct({ image: RepositoryName, tag: Tag, content: Schema.optionalKey(Schema.String) })
const decodePush = Schema.decodeUnknownOption(Schema.fromJsonString(Push))
const decodeFault = Schema.decodeUnknownOption(Schema.fromJsonString(Fault))

/**
 * The simulator's own endpoints, undefined for any other path:
 * `GET /_sim/requests`, `DELETE /_sim/requests`, `POST /_sim/push {"image","tag","content"?}`,
 * `POST /_sim/faults` (a `Fault`), `DELETE /_sim/faults`, and the token server at `GET /_sim/token`.
 */
export const makeControl =
  ({ push, auth, faults, log }: Controlled) =>
  ({ method, url, headers, body }: Incoming): readonly [Reply, Route] | undefined => {
    if (!url.pathname.startsWith("/_sim/")) return undefined
    const { authorization } = headers
    switch (`${method} ${url.pathname}`) {
      case "GET /_sim/token": {
        const reply = auth.issue(typeof authorization === "string" ? authorization : undefined, url)
        return [reply, { subject: "token", image: null }]
      }
      case "GET /_sim/requests":
        return other(json(200, { counts: Object.fromEntries(log.counts()), requests: log.entries() }))
      case "DELETE /_sim/requests":
        log.clear()
        return other(empty(204))
      case "POST /_sim/push":
        return other(
          Option.match(decodePush(body.toString("utf8")), {
            onNone: () => json(400, { message: 'expected {"image","tag","content"?}' }),
            onSome: ({ image, tag, content }) => json(201, { digest: push(image, tag, content) })
          })
        )
      case "POST /_sim/faults":
        return other(
          Option.match(decodeFault(body.toString("utf8")), {
            onNone: () =>
              json(400, { message: "expected a fault; its keys are in src/sim/registry/Fault.ts" }),
            onSome: (fault) => {
              faults.add(fault)
              return empty(204)
            }
          })
        )
      case "DELETE /_sim/faults":
        faults.clear()
        return other(empty(204))
      default:
        return other(json(404, { message: "no such endpoint of the simulator" }))
    }
  }

const other = (reply: Reply) => [reply, { subject: "other", image: null }] as const
