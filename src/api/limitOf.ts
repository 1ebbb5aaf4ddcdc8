import { Schema } from "effect"

/** `?limit=`: 1 to `most`; the page has `usual` where it is left out. */
export const limitOf = (usual: number, most: number) => {
  const expected = `a whole number from 1 to ${most}`
  return Schema.optionalKey(
    Schema.FiniteFromString.annotate({ expected })
      .check(Schema.isInt({ expected }), Schema.isBetween({ minimum: 1, maximum: most }, { expected }))
      .annotate({ description: `1 to ${most}; ${usual} if left out` })
  )
}
