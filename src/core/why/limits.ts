/** Pairs whose tokens are looked at unless somebody says otherwise. */
export const TOKEN_PAIRS = 64;
