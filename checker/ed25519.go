package main

import (
	"crypto/ed25519"
	"math/big"
	"slices"
)

// The protocol's rule is RFC 8032 without the cofactor: S below L, the encoding of S·B - k·A equal to R byte for byte
// (crypto/ed25519 does both), and a public key in canonical encoding and not of small order (it checks neither, and
// takes a key whose y is p or more).

var (
	one     = big.NewInt(1)
	fieldP  = sub(new(big.Int).Lsh(one, 255), big.NewInt(19))
	curveD  = mul(big.NewInt(-121665), new(big.Int).ModInverse(big.NewInt(121666), fieldP))
	y8a, _  = new(big.Int).SetString("05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826", 16)
	smallYs = []*big.Int{big.NewInt(0), one, sub(fieldP, one), y8a, sub(fieldP, y8a)}
)

func sub(a, b *big.Int) *big.Int { return new(big.Int).Sub(a, b) }
func mul(a, b *big.Int) *big.Int { return new(big.Int).Mod(new(big.Int).Mul(a, b), fieldP) }

// goodPublicKey says whether these bytes are the one encoding of a point of the curve that is not of small order.
func goodPublicKey(key []byte) bool {
	if len(key) != 32 {
		return false
	}
	bytes := slices.Clone(key)
	slices.Reverse(bytes)
	bytes[0] &= 0x7f // the sign of x; x is 0 only for y = 1 and -1, which are of small order
	y := new(big.Int).SetBytes(bytes)
	if y.Cmp(fieldP) >= 0 || slices.ContainsFunc(smallYs, func(s *big.Int) bool { return s.Cmp(y) == 0 }) {
		return false
	}
	yy := mul(y, y)
	v := new(big.Int).Add(mul(curveD, yy), one)
	return big.Jacobi(mul(sub(yy, one), v), fieldP) >= 0 // x² = (y²-1)/v has a root where (y²-1)·v has one
}

// verifyEd25519 is the whole rule, key included.
func verifyEd25519(key, message, signature []byte) bool {
	return len(signature) == 64 && goodPublicKey(key) && ed25519.Verify(key, message, signature)
}
