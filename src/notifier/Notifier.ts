import { Context, Effect, Layer, type Redacted } from "effect"
import { idempotencyKey, type Message, slackBody } from "./Message.ts"
import type { NotifierError } from "./NotifierError.ts"
import { defaultLimits, makePostWebhook, type WebhookLimits } from "./postWebhook.ts"

/** Tells people, in one message at a time. */
export class Notifier extends Context.Service<
  Notifier,
  {
    /** False: nobody wants to be told. */
    readonly isOn: boolean
    /** Succeeds once the receiver has it; ends within 10 seconds. Sent twice, it has the same `Idempotency-Key`. */
    send(message: Message): Effect.Effect<void, NotifierError>
  }
>()("registrywatcher/notifier/Notifier") {
  /** Slack's incoming webhook, or whatever takes its messages. */
  static readonly layer = (url: Redacted.Redacted | undefined, limits: WebhookLimits = defaultLimits) =>
    url === undefined
      ? Layer.succeed(Notifier, { isOn: false, send: () => Effect.void })
      : Layer.effect(
          Notifier,
          Effect.map(makePostWebhook(url, limits), (post) => ({
            isOn: true,
            send: (message) => post(JSON.stringify(slackBody(message)), idempotencyKey(message))
          }))
        )
}
