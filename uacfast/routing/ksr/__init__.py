"""The modules of the KSR object (Kamailio's KEMI): one file for each Kamailio module or group of small ones."""
