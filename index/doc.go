// Package index turns listings of ERA5 files into the pipeline's index.csv, byte for byte as pandas
// writes it, reads such files back, and selects from them what is still to do.
//
// A name is looked for anywhere in a path (see [AppendMatches]):
//
//	e5.oper.an.{sfc|pl}.TABLE_PARAM_NAME.ll025{sc|uv}.YYYYMMDDHH_YYYYMMDDHH.nc
//	e5.accumulated_tp_1h.YYYYMM.nc
//
// and becomes one row:
//
//	file,table,param,name,start_date,end_date
//	ERA5_sfc/e5.oper.an.sfc.128_167_2t.ll025sc.1980010100_1980013123.nc,128,167,2t,1980-01-01,1980-01-31 23:00:00
//
// Everything streams and names are read on all cores: a row is written when its block of 16,666 is full, since pandas decides for each
// such block and date column whether the time of day is printed. Selections hold the selected rows only.
//
// Where the Python workflow fails as a whole because of one file (an impossible date, a variable without
// a file), this package reports that file or variable and goes on with the rest.
package index
