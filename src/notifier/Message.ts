import { createHash } from "node:crypto"
import type { Untold } from "../domain/Notice.ts"
import { type Colour, sentence } from "./sentences.ts"

/** Everything that one message tells: one notice, or several of one kind. */
export type Message = readonly [Untold, ...ReadonlyArray<Untold>]

/** The body that Slack's incoming webhooks take, as the predecessor sent it: one attachment. */
export interface SlackBody {
  readonly attachments: readonly [{ readonly color: Colour; readonly text: string; readonly ts: number }]
}

/** `ts`: unix seconds of the event, of the newest of several. */
export const slackBody = (message: Message): SlackBody => {
  const [first, ...others] = message
  const { text, colour: color } = sentence([first.notice, ...others.map(({ notice }) => notice)])
  const dropped = message.reduce((sum, each) => sum + each.dropped, 0)
  const ts = Math.floor(Math.max(...message.map(({ at }) => at.getTime())) / 1000)
  return { attachments: [{ color, text: `${text}${missing(dropped)}`, ts }] }
}

const missing = (dropped: number): string => {
  if (dropped === 0) return ""
  return dropped === 1 ? "\n(1 older message was dropped)" : `\n(${dropped} older messages were dropped)`
}

/** The same for the same notices, whoever sends them: a receiver that has it already may leave a second one out. */
export const idempotencyKey = (message: Message): string => {
  const [first, ...others] = message
  if (others.length === 0) return first.message
  return createHash("sha256")
    .update(message.map((each) => each.message).join("\n"))
    .digest("hex")
}
