import { Clock, Effect } from "effect"
import type { RegistryEndpoint } from "../domain/RegistryEndpoint.ts"
import { openDispatchers } from "./dispatchers.ts"
import { type Answer, exchange, type Request } from "./Exchange.ts"
import { makeHostPause } from "./HostPause.ts"
import type { Malformed, Unavailable } from "./RegistryError.ts"
import type { RegistryLimits } from "./RegistryLimits.ts"
import { retryAfterMs } from "./retryAfter.ts"

/** Sends one request and brings the answer, whatever its status. */
export type Send = (request: Request) => Effect.Effect<Answer, Unavailable | Malformed>

const common = { "user-agent": "registrywatcher", "accept-encoding": "identity" }

/** Connections to one registry and its realms, and the pauses that their hosts asked for (L7). */
export const openSender = (endpoint: RegistryEndpoint, limits: RegistryLimits) =>
  Effect.map(openDispatchers(endpoint, limits), (dispatcherOf): Send => {
    const pauses = makeHostPause()
    return Effect.fnUntraced(function* (request) {
      const { host } = request.url
      yield* pauses.gate(host)
      const headers = { ...common, ...request.headers }
      const answer = yield* exchange(dispatcherOf(request.url), limits, { ...request, headers })
      if (answer.status === 429 || answer.status === 503) {
        const wait = retryAfterMs(answer, yield* Clock.currentTimeMillis)
        if (wait !== null) yield* pauses.pause(host, wait)
      }
      return answer
    })
  })
