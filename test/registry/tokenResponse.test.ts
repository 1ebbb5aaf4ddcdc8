import { assert, describe, it } from "@effect/vitest"
import { Redacted, Result, Schema } from "effect"
import { parseTokenResponse } from "../../src/registry/tokenResponse.ts"
import { fixture } from "./fixture.ts"

const vectors = fixture("token-responses") as ReadonlyArray<{
  readonly name: string
  readonly body: Readonly<Record<string, unknown>>
  readonly now: string
  readonly token?: string
  readonly lifetimeSeconds?: number
  readonly error?: true
}>
const now = Date.parse("2026-05-04T10:00:00Z")

describe("parseTokenResponse", () => {
  it.each(vectors.map((vector) => [vector.name, vector] as const))(
    "reads %s",
    (_, { body, now: at, token, lifetimeSeconds = 0, error }) => {
      const parsed = parseTokenResponse(JSON.stringify(body), Date.parse(at))
      assert.strictEqual(Result.isFailure(parsed), error ?? false)
      if (Result.isFailure(parsed)) return
      assert.strictEqual(Redacted.value(parsed.success.token), token)
      const { lifetimeMs } = parsed.success
      // Of a lifetime that is not said we keep no 60 s (the vectors' value): the token stays until it is refused.
      if (body["expires_in"] === undefined) assert.isNull(lifetimeMs)
      // Docker Hub's was issued half a second before it came.
      else assert.approximately(lifetimeMs ?? 0, lifetimeSeconds * 1_000, 500)
    }
  )

  it.each([
    ["counts from when it was issued", { expires_in: 300, issued_at: "2026-05-04T09:59:00Z" }, 240_000],
    [
      "counts from now where the clocks disagree",
      { expires_in: 300, issued_at: "2026-05-03T10:00:00Z" },
      300_000
    ],
    ["counts from now without a date that can be read", { expires_in: 300, issued_at: "yesterday" }, 300_000],
    [
      "X23: counts from now where the date is no text",
      { expires_in: 300, issued_at: { toString: {} } },
      300_000
    ],
    ["X23: knows no lifetime that is an object", { expires_in: { toString: {}, valueOf: {} } }, null],
    ["knows no lifetime that is no number", { expires_in: "soon" }, null]
  ])("%s", (_, fields, expected) => {
    const parsed = parseTokenResponse(JSON.stringify({ token: "T", ...fields }), now)
    assert.strictEqual(Result.getOrThrow(parsed).lifetimeMs, expected)
  })

  it.each([
    ["an empty token", '{"token":""}'],
    ["a token that would end the header", '{"token":"a\\r\\nx: y"}'],
    ["a token that is no text", '{"token":1}'],
    ["no JSON", "<html>"]
  ])("X18: refuses %s", (_, body) => assert.isTrue(Result.isFailure(parseTokenResponse(body, now))))

  it.prop(
    "X23: never throws, and lets through only what fits a header",
    [Schema.Json, Schema.Json, Schema.Json],
    ([token, expiresIn, issuedAt]) => {
      const body = JSON.stringify({ token, expires_in: expiresIn, issued_at: issuedAt })
      const parsed = parseTokenResponse(body, now)
      if (Result.isSuccess(parsed)) assert.match(Redacted.value(parsed.success.token), /^[\x21-\x7e]+$/)
    }
  )
})
