import { assert, describe, it } from "@effect/vitest"
import type { Untold } from "../../src/domain/Notice.ts"
import type { Message } from "../../src/notifier/Message.ts"
import { Minute } from "../../src/notifier/Minute.ts"
import { notice, untold } from "./notices.ts"

const kinds = { d: "Deploying", h: "DigestChanged", s: "Succeeded", f: "Failed" } as const

/** `d1 s1` is: repository r1 deploys, then succeeds; `d2@90`: 90 seconds later. Ids are their places. */
const notices = (text: string): ReadonlyArray<Untold> =>
  text.split(" ").map((word, index) => {
    const [, kind = "d", repository, , seconds = "0"] = /^([dhsf])(\w+?)(@(\d+))?$/.exec(word) ?? []
    const facts = { repository: `r${repository}` }
    return untold(index, notice(kinds[kind as keyof typeof kinds], facts), { seconds: Number(seconds) })
  })
const brake = untold(99, notice("BrakeOn", { repository: null, moves: 9, repositories: [] }))

const letters = Object.fromEntries(Object.entries(kinds).map(([letter, kind]) => [kind, letter]))
/** One word a message: `d1,2` tells that r1 and r2 deploy. */
const printed = (messages: ReadonlyArray<Message>): string =>
  messages
    .map((message) => {
      const names = message.map((each) => each.notice.repository?.slice(1))
      return `${letters[message[0].notice._tag] ?? message[0].notice._tag}${names.join(",")}`
    })
    .join(" ")

describe("minute", () => {
  it.each([
    ["a few are told one by one, in their order", "d1 s1 d2 f2 d3 d4 d5", "d1 s1 d2 f2 d3 d4 d5"],
    ["six that move at once are one summary", "d1 d2 d3 d4 d5 d6", "d1,2,3,4,5,6"],
    [
      "each kind has its own, and no repository's success comes before its move",
      "d1 d2 s1 d3 d4 s2 d5 s3 d6 s4 s5 s6",
      "d1,2,3,4,5,6 s1,2,3,4,5,6"
    ],
    ["of what only few have, each is told alone", "d1 d2 d3 d4 d5 d6 f6 s1", "d1,2,3,4,5,6 f6 s1"],
    [
      "a second move of a repository comes after what became of the first",
      "d1 f1 d1 d2 d3 d4 d5 d6 d7 f2 f3 f4 f5 f6 d8",
      "d1,2,3,4,5,6,7,8 f1,2,3,4,5,6 d1"
    ],
    ["the SHA is told before the move", "h1 d1 h2 d2 h3 d3 h4 d4 h5 d5 h6 d6", "h1,2,3,4,5,6 d1,2,3,4,5,6"],
    [
      "what a receiver missed over hours is no burst",
      "d1 d2@61 d3@130 d4@200 d5@300 d6@400",
      "d1 d2 d3 d4 d5 d6"
    ],
    ["a burst within it is", "d1 d2@100 d3@110 d4@120 d5@130 d6@140 d7@159 d8@160", "d1 d2,3,4,5,6,7 d8"]
  ])("L12: %s", (_, given, told) => {
    assert.strictEqual(printed(new Minute().due(notices(given), 0)), told)
  })

  it("of a minute five are told one by one; more wait for its end, and come together", () => {
    const minute = new Minute()
    const five = minute.due(notices("d1 d2 d3 d4 d5"), 1000)
    assert.strictEqual(printed(five), "d1 d2 d3 d4 d5")
    for (const message of five) minute.told(message, 1000)
    // What became of those that were told goes on; the sixth and seventh wait, and so do theirs.
    const more = notices("d6 s1 d7 f2 s6")
    assert.strictEqual(printed(minute.due(more, 30_000)), "s1 f2")
    assert.strictEqual(printed(minute.due(notices("d6 d7 s6 d8 d9 d10 d11"), 60_999)), "")
    assert.strictEqual(printed(minute.due(notices("d6 d7 s6 d8 d9 d10 d11"), 61_000)), "d6,7,8,9,10,11 s6")
  })

  it("after a summary everything waits for the next", () => {
    const minute = new Minute()
    for (const message of minute.due(notices("d1 d2 d3 d4 d5 d6"), 0)) minute.told(message, 0)
    const successes = notices("s1 s2 s3 s4 s5 s6")
    assert.strictEqual(printed(minute.due(successes, 59_999)), "")
    assert.strictEqual(printed(minute.due(successes, 60_000)), "s1,2,3,4,5,6")
  })

  it("a minute that was not told of, for the receiver failed, does not begin", () => {
    const minute = new Minute()
    minute.due(notices("d1 d2 d3 d4 d5 d6"), 0)
    assert.strictEqual(printed(minute.due(notices("d1"), 1)), "d1")
  })

  it("S17: the brake never waits", () => {
    const minute = new Minute()
    for (const message of minute.due(notices("d1 d2 d3 d4 d5 d6"), 0)) minute.told(message, 0)
    assert.strictEqual(printed(minute.due([...notices("s1"), brake], 1)), "BrakeOn")
  })
})
