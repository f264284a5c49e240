// Empty on purpose: it takes the place of the theme's, half a megabyte that draws icons which its fonts draw already.
