import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { nextPage } from "../../src/registry/nextPage.ts"
import { fixture } from "./fixture.ts"

interface Vector {
  readonly name: string
  readonly base: string
  readonly link: string | null
  readonly next?: string | null
  readonly error?: string
}
const vectors = fixture("link-headers") as ReadonlyArray<Vector>
const asked = new URL("https://r.example.test/v2/team/api/tags/list?n=1000")

const outcome = (base: string, link: string | ReadonlyArray<string> | null) =>
  Result.match(nextPage(new URL(base), link ?? undefined), {
    onFailure: () => "refused",
    onSuccess: (url) => url?.href ?? null
  })

/** We take the query only: Nexus' prefixed path is asked for at the path that we know. */
const expected = ({ name, base, next, error }: Vector) => {
  if (error !== undefined) return "refused"
  if (next === null || next === undefined) return null
  return name.startsWith("nexus") ? new URL(new URL(next).search, base).href : next
}

describe("nextPage", () => {
  it.each(vectors.map((vector) => [vector.name, vector] as const))("%s", (_, vector) =>
    assert.strictEqual(outcome(vector.base, vector.link), expected(vector))
  )

  it.each([
    ["another host", '<https://evil.test/v2/team/api/tags/list?last=x>; rel="next"'],
    ["another host without a scheme", '<//evil.test/v2/team/api/tags/list>; rel="next"'],
    ["the host as a user name", '<https://r.example.test@evil.test/v2/team/api/tags/list>; rel="next"'],
    ["a host that begins like ours", '<https://r.example.test.evil.test/v2/team/api/tags/list>; rel="next"'],
    ["another repository", '</v2/team/other/tags/list?last=x>; rel="next"'],
    ["a path above the repository", '</v2/team/api/tags/list/../../../../_catalog>; rel="next"'],
    ["another endpoint", '</v2/_catalog?last=x>; rel="next"'],
    ["no URL", '<http://[>; rel="next"'],
    ["another scheme altogether", '<file:///v2/team/api/tags/list>; rel="next"']
  ])("X4: refuses a link to %s", (_, link) => assert.strictEqual(outcome(asked.href, link), "refused"))

  it("finds the next among several header lines", () =>
    assert.strictEqual(
      outcome(asked.href, ['</docs>; rel="help"', '<?last=b>; rel="next"']),
      "https://r.example.test/v2/team/api/tags/list?last=b"
    ))

  it.prop(
    "X4: whatever the header says, only the query changes",
    [
      Schema.Array(
        Schema.Union([
          Schema.String,
          Schema.Literals(["<", ">", ";", "rel=next", '"', "/v2/team/api/tags/list?", "//"])
        ])
      )
    ],
    ([parts]) => {
      const next = nextPage(asked, parts.join(""))
      if (Result.isSuccess(next) && next.success !== null) {
        const { origin, pathname, username, hash } = next.success
        assert.deepStrictEqual([origin, pathname, username, hash], [asked.origin, asked.pathname, "", ""])
      }
    }
  )
})
