package regrid

// The kernels, in plain Go. Explicit float64(...) keeps the compiler from fusing a product and a sum into
// one instruction, which some processors would do, so that every machine gives the same bits.

// blendRows computes dst[i] = u*a[i] + w*b[i].
func blendRows(dst []float64, a, b []float32, u, w float64) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = float64(float64(a[i])*u) + float64(float64(b[i])*w)
	}
}

// scatter adds to sum, for each centre of a ring, the value between two blended columns, rounded to float32:
//
//	sum[cell[k]] += float32( (1-x[k]) row[col[k]] + x[k] row[col[k]+1] )     for each lane
func scatter(sum, row []float64, col []int32, x []float64, cell []int32) {
	x, cell = x[:len(col)], cell[:len(col)]
	for k, i := range col {
		w := x[k]
		u := 1 - w
		b := (*[2 * Lanes]float64)(row[int(i)*Lanes:])
		s := (*[Lanes]float64)(sum[int(cell[k])*Lanes:])
		for l := range Lanes {
			s[l] += float64(float32(float64(b[l]*u) + float64(b[l+Lanes]*w)))
		}
	}
}

// scatterHoles is scatter where values may be missing: NaN comes through the sum whatever its weight.
func scatterHoles(sum []float64, lost []uint32, row []float64, col []int32, x []float64, cell []int32) {
	x, cell = x[:len(col)], cell[:len(col)]
	for k, i := range col {
		w := x[k]
		u := 1 - w
		b := (*[2 * Lanes]float64)(row[int(i)*Lanes:])
		s := (*[Lanes]float64)(sum[int(cell[k])*Lanes:])
		n := (*[Lanes]uint32)(lost[int(cell[k])*Lanes:])
		for l := range Lanes {
			v := float32(float64(b[l]*u) + float64(b[l+Lanes]*w))
			if v == v {
				s[l] += float64(v)
			} else {
				n[l]++
			}
		}
	}
}
