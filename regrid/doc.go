package regrid
