import { assert, describe, it } from "@effect/vitest"
import type { Notice } from "../../src/domain/Notice.ts"
import { idempotencyKey, slackBody } from "../../src/notifier/Message.ts"
import { sentence } from "../../src/notifier/sentences.ts"
import { notice, untold } from "./notices.ts"

const orange = "#FFA500"
const red = "#FF0000"
const green = "#00FF00"
const words = "task api: exited 1"

/** The same of two repositories. */
const pair = (tag: Notice["_tag"], facts: Readonly<Record<string, unknown>> = {}) =>
  [notice(tag, { repository: "a", ...facts }), notice(tag, { repository: "b", ...facts, tag: "v3" })] as const

describe("sentences", () => {
  const single: ReadonlyArray<readonly [Notice, string, string]> = [
    [notice("Deploying"), orange, "Update: deploying job `api` to tag `v2`"],
    [
      notice("DigestChanged", { repository: "team/api" }),
      orange,
      "Update: the SHA of tag `v2` in `team/api` changed. Auto deployment will happen shortly."
    ],
    [notice("Succeeded"), green, "Success: Nomad deployment for job `api` succeeded for tag `v2`"],
    [
      notice("Failed"),
      red,
      "Error: Nomad deployment job `api` failed for tag `v2`, nomad server will roll back to last working version if possible"
    ],
    [
      notice("Failed", { words }),
      red,
      "Error: Nomad deployment job `api` failed for tag `v2`, nomad server will roll back to last working version if possible\ntask api: exited 1"
    ],
    [notice("Rejected"), red, "Error: failed to force redeploy job `api` for tag `v2`"],
    [
      notice("Rejected", { words }),
      red,
      "Error: failed to force redeploy job `api` for tag `v2`\ntask api: exited 1"
    ],
    [notice("Switched", { on: true }), orange, "Turned on auto deployment for repo `api`"],
    [notice("Switched", { on: false }), orange, "Turned off auto deployment for repo `api`"],
    [
      notice("Stalled", { reason: "drift", words: "somebody set x:v1" }),
      red,
      "Error: repo `api` needs a person: `drift`\nsomebody set x:v1"
    ],
    [
      notice("AwaitingPromotion", { words: "1 of 1 canary healthy" }),
      orange,
      "Update: job `api` waits for a person to promote or fail the canaries of tag `v2`\n1 of 1 canary healthy"
    ],
    [
      notice("BrakeOn", { repository: null, moves: 7, repositories: ["a", "b"] }),
      red,
      "Error: the brake is on: 7 moves that no push explains and all other automatic moves wait for a person: `a`, `b`"
    ],
    [
      notice("BrakeReleased", { repository: null, moves: 1, repositories: ["a"], who: "ann" }),
      orange,
      "Update: the brake was released by `ann`, and with it 1 move: `a`"
    ]
  ]
  it.each(single)("%o", (one, colour, text) =>
    assert.deepEqual(sentence([one]), { colour: colour as never, text })
  )

  const several: ReadonlyArray<readonly [readonly [Notice, Notice], string, string]> = [
    [pair("Deploying"), orange, "Update: deploying 2 jobs: `a` to `v2`, `b` to `v3`"],
    [
      pair("DigestChanged"),
      orange,
      "Update: the SHA of 2 tags changed: `v2` in `a`, `v3` in `b`. Auto deployment will happen shortly."
    ],
    [pair("Succeeded"), green, "Success: 2 Nomad deployments succeeded: `a` for `v2`, `b` for `v3`"],
    [
      pair("Failed"),
      red,
      "Error: 2 Nomad deployments failed, nomad server will roll back to last working versions if possible: `a` for `v2`, `b` for `v3`"
    ],
    [pair("Rejected"), red, "Error: failed to force redeploy 2 jobs: `a` for `v2`, `b` for `v3`"],
    [pair("Switched", { on: false }), orange, "Turned off auto deployment for 2 repos: `a`, `b`"],
    [pair("Stalled", { reason: "drift" }), red, "Error: 2 repos need a person: `a` `drift`, `b` `drift`"]
  ]
  it.each(several)("of several: %o", (all, colour, text) =>
    assert.deepEqual(sentence(all), { colour: colour as never, text })
  )

  it("names thirty of more", () => {
    const [first, ...others] = Array.from({ length: 32 }, (_, n) =>
      notice("Switched", { repository: `r${n}`, on: true })
    )
    assert.isDefined(first)
    if (first === undefined) return
    assert.match(
      sentence([first, ...others]).text,
      /^Turned on auto deployment for 32 repos: `r0`, .*`r29` and 2 more$/
    )
  })

  const hostile: ReadonlyArray<readonly [string, string]> = [
    ["<!channel> & <https://evil.test|here>", "&lt;!channel&gt; &amp; &lt;https://evil.test|here&gt;"],
    ["a `code` block", "a 'code' block"],
    ["two\nlines\u0000and\u2028more\u202e", "two lines and more"],
    ["pull https://robot:canary@registry.test/v2/ failed", "pull https://registry.test/v2/ failed"],
    ["x".repeat(600), `${"x".repeat(500)}…`],
    ["&".repeat(600), `${"&amp;".repeat(500)}…`]
  ]
  it.each(hostile)("X15: words and names are text and nothing else: %o", (given, told) => {
    assert.strictEqual(sentence([notice("Rejected", { words: given })]).text.split("\n")[1], told)
    assert.include(sentence([notice("Deploying", { job: given })]).text, `job \`${told}\` to`)
  })
})

describe("message", () => {
  it("is one attachment, at the second of the event, of the newest of several", () => {
    const first = untold(1, notice("Switched", { on: true, repository: "a" }), {
      at: new Date(1_700_000_000_999)
    })
    const second = untold(2, notice("Switched", { on: true, repository: "b" }), {
      at: new Date(1_700_000_007_000)
    })
    assert.strictEqual(
      JSON.stringify(slackBody([first])),
      '{"attachments":[{"color":"#FFA500","text":"Turned on auto deployment for repo `a`","ts":1700000000}]}'
    )
    assert.strictEqual(slackBody([second, first]).attachments[0].ts, 1_700_000_007)
  })

  it.each([
    [1, "\n(1 older message was dropped)"],
    [12, "\n(12 older messages were dropped)"]
  ])("L12: says that %i are missing before it", (dropped, said) => {
    const { text } = slackBody([untold(1, notice("Switched", { on: true }), { dropped })]).attachments[0]
    assert.strictEqual(text, `Turned on auto deployment for repo \`api\`${said}`)
  })

  it("L12: has the key of its notice; of several, one that only the same several have", () => {
    const [a, b, c] = [1, 2, 3].map((id) => untold(id, notice("Deploying"))) as [never, never, never]
    assert.strictEqual(idempotencyKey([a]), "00000000-0000-4000-8000-000000000001")
    assert.strictEqual(idempotencyKey([a, b]), idempotencyKey([a, b]))
    assert.strictEqual(
      new Set([[a], [a, b], [a, b, c], [b, c]].map((m) => idempotencyKey(m as never))).size,
      4
    )
  })
})
