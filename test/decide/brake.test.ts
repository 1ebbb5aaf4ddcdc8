import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { areMany, weigh } from "../../src/decide/brake.ts"

const usual = { share: 0.2, count: 5 }

describe("the brake", () => {
  it.each([
    ["four of four are few", 4, 0, 4, "go"],
    ["five of five are many", 5, 0, 5, "brake"],
    ["a fifth is not over a fifth", 5, 0, 25, "go"],
    ["one more is", 6, 0, 25, "brake"],
    ["of a thousand it takes 201", 200, 0, 1000, "go"],
    ["and no fewer than 5 of 10, though 3 are over a fifth", 4, 0, 10, "go"],
    ["one waits while the others could make them many", 1, 4, 5, "wait"],
    ["and goes once they cannot", 1, 3, 5, "go"],
    ["what is many already waits for nobody", 5, 5, 10, "brake"],
    ["of a thousand one waits for 200 others", 1, 200, 1000, "wait"],
    ["and for no 199", 1, 199, 1000, "go"]
  ] as const)("S17: %s", (_, moves, undecided, watched, expected) =>
    assert.strictEqual(weigh({ moves, undecided, watched }, usual), expected)
  )

  it.each([
    ["share 0 leaves the count alone", { share: 0, count: 2 }, 2, "brake"],
    ["share 1 is never passed", { share: 1, count: 1 }, 10, "go"],
    ["count 1 is for the cautious", { share: 0.05, count: 1 }, 1, "brake"]
  ] as const)("S17: %s", (_, limit, moves, expected) =>
    assert.strictEqual(weigh({ moves, undecided: 0, watched: 10 }, limit), expected)
  )

  const Others = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 }))
  const Limit = Schema.Struct({
    share: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 })),
    count: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 20 }))
  })

  // Repositories that are woken together are decided in any order: true is a move that no push explains.
  it.prop(
    "S17: of those woken together all move that no push explains, or none",
    [Schema.Array(Schema.Boolean).check(Schema.isMaxLength(40)), Others, Limit],
    ([order, others, limit]) => {
      const watched = order.length + others
      let went = 0
      let waiting = 0
      let isOn = false
      const decideOne = (undecided: number) => {
        const weight = isOn ? "brake" : weigh({ moves: went + waiting + 1, undecided, watched }, limit)
        if (weight === "go") went += 1
        else waiting += 1
        isOn ||= weight === "brake"
      }
      order.forEach((isMove, at) => {
        if (isMove) decideOne(order.length - at - 1)
      })
      // Whoever waited is passed over again when the last of them is decided.
      for (let left = waiting; left > 0; left--) {
        waiting -= 1
        decideOne(0)
      }
      const moves = order.filter((isMove) => isMove).length
      return areMany(moves, watched, limit) ? isOn && went === 0 : !isOn && went === moves
    }
  )
})
