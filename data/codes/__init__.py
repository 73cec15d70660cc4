"""Codes as data: vital signs with LOINC codes and UCUM units."""
