// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a guest learns by ACPI's own language: power-off (S5), the PCI host
// bridge with its windows and interrupt routing, COM1 and the clock.
// Addresses agree with vmx/devices/.
DefinitionBlock ("", "DSDT", 2, "AEROST", "AEROSTAT", 1)
{
	// SLP_TYP 5 in PM1a_CNT powers the machine off.
	Name (\_S5, Package () { 5, 0, 0, 0 })

	Scope (\_SB)
	{
		Device (PCI0)
		{
			Name (_HID, EisaId ("PNP0A03"))
			Name (_UID, Zero)
			Name (_BBN, Zero)
			Name (_CRS, ResourceTemplate ()
			{
				WordBusNumber (ResourceProducer, MinFixed,
					MaxFixed, PosDecode, 0x0000, 0x0000,
					0x00ff, 0x0000, 0x0100)
				IO (Decode16, 0x0cf8, 0x0cf8, 0x01, 0x08)
				WordIO (ResourceProducer, MinFixed, MaxFixed,
					PosDecode, EntireRange, 0x0000, 0x0000,
					0x0cf7, 0x0000, 0x0cf8)
				WordIO (ResourceProducer, MinFixed, MaxFixed,
					PosDecode, EntireRange, 0x0000, 0x0d00,
					0xffff, 0x0000, 0xf300)
				DWordMemory (ResourceProducer, PosDecode,
					MinFixed, MaxFixed, NonCacheable,
					ReadWrite, 0x00000000, 0xc0000000,
					0xfebfffff, 0x00000000, 0x3ec00000)
			})

			// The memory device: 00:01.0, INTA.
			Name (_PRT, Package ()
			{
				Package () { 0x0001ffff, 0, Zero, 10 }
			})
		}

		Device (COM1)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, One)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x03f8, 0x03f8, 0x01, 0x08)
				IRQNoFlags () { 4 }
			})
		}

		Device (RTC)
		{
			Name (_HID, EisaId ("PNP0B00"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x0070, 0x0070, 0x01, 0x02)
				IRQNoFlags () { 8 }
			})
		}
	}
}
