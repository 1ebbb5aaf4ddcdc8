import { Effect } from "effect"
import { DemoError } from "./DemoError.ts"

const deadline = 5000 // milliseconds

/** One request to one of our own parts over HTTP, as a user's `curl` makes it: a POST where there is a body. */
export const call = <A>(url: string, body?: unknown): Effect.Effect<A, DemoError> =>
  Effect.tryPromise({
    try: async (signal) => {
      const answer = await fetch(url, {
        ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
        signal: AbortSignal.any([signal, AbortSignal.timeout(deadline)])
      })
      const text = await answer.text()
      if (!answer.ok) throw new Error(`${answer.status} ${text}`)
      return JSON.parse(text) as A
    },
    catch: (cause) => new DemoError({ message: `${url}: ${String(cause)}` })
  })
