"""Zeiss CZI over czifile: ``file`` finds the subblocks, ``layout`` what they make, ``plane`` reads.

``facts`` is what the XML says, ``attachments`` the pictures beside the image, ``reader`` the whole.
"""
