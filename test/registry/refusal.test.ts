import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { refusal } from "../../src/registry/refusal.ts"
import { retryAfterMs } from "../../src/registry/retryAfter.ts"
import { fixture } from "./fixture.ts"

interface Vector {
  readonly status: number
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
  readonly kind: string
  readonly retryAfterMs?: number | null
}
const vectors = (fixture("error-responses") as ReadonlyArray<Vector>).filter(({ status }) => status !== 404)
const now = Date.parse("2026-05-04T10:00:00Z")

const answer = (status: number, headers: Readonly<Record<string, string>> = {}, body = "") => ({
  status,
  headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
  body: Buffer.from(body)
})

const reasons: Readonly<Record<string, string>> = {
  unauthorized: "AccessDenied",
  denied: "AccessDenied",
  "server-error": "Unavailable",
  "rate-limited": "Unavailable",
  "pull-quota": "Unavailable",
  "bad-request": "Malformed"
}

describe("refusal", () => {
  it.each(vectors.map((vector) => [vector.status, vector.kind, vector] as const))(
    "knows %d %s",
    (_, kind, { status, headers, body, retryAfterMs: expected = null }) => {
      const reason = refusal(answer(status, headers, body), now)
      assert.strictEqual(reason._tag, reasons[kind])
      if (reason._tag === "Unavailable") assert.strictEqual(reason.retryAfter, expected)
    }
  )

  it("adds the code, and never the message: a registry may echo what we sent (X6)", () => {
    const body = '{"errors":[{"code":"DENIED","message":"no: Basic c2VjcmV0"}]}'
    assert.strictEqual(refusal(answer(403, {}, body), now).words, "403 DENIED")
    assert.strictEqual(refusal(answer(403, {}, body.replace("DENIED", "s3cr3t")), now).words, "403")
  })

  it.each([
    ["seconds", { "Retry-After": "12" }, "", 12_000],
    [
      "a date, by the answer's own clock",
      { "Retry-After": "Mon, 04 May 2026 10:00:30 GMT", Date: "Mon, 04 May 2026 10:00:10 GMT" },
      "",
      20_000
    ],
    ["a date, by ours where it has none", { "Retry-After": "Mon, 04 May 2026 10:00:30 GMT" }, "", 30_000],
    ["a date that is over as nothing", { "Retry-After": "Mon, 04 May 2026 09:00:00 GMT" }, "", null],
    ["no time at all as nothing", { "Retry-After": "0" }, "", null],
    ["a day as five minutes", { "Retry-After": "86400" }, "", 300_000],
    ["more digits than a number has as five minutes", { "Retry-After": "9".repeat(400) }, "", 300_000],
    ["GHCR's hint", {}, '{"errors":[{"message":"retry-after: 1m2.5s, allowed: 44000/minute"}]}', 62_500],
    ["the header before the hint", { "Retry-After": "3" }, "retry-after: 1m", 3_000],
    ["garbage as nothing", { "Retry-After": "soon" }, "retry-after: soon", null]
  ])("L7: reads %s", (_, headers, body, expected) =>
    assert.strictEqual(retryAfterMs(answer(429, headers, body), now), expected)
  )

  it.prop(
    "X23: never throws, and asks for no wait out of its bounds",
    [Schema.String, Schema.String],
    ([header, body]) => {
      for (const read of [answer(429, { "Retry-After": header }), answer(429, {}, `retry-after: ${body}`)]) {
        const wait = retryAfterMs(read, now)
        if (wait !== null) assert.isTrue(Number.isInteger(wait) && wait > 0 && wait <= 300_000)
      }
      refusal(answer(400, {}, body), now)
    }
  )
})
